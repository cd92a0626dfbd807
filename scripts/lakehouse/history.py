"""How did a table come to be? Its versions, its rows as they were, and what changed in between."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from contracts.model import Table
from contracts.origin import Origin
from scripts.lakehouse.errors import TableError
from scripts.lakehouse.store import Store, literal, query

COUNTS = {
    "inserted": ("num_target_rows_inserted", "numTargetRowsInserted", "num_added_rows"),
    "updated": ("num_target_rows_updated", "numTargetRowsUpdated"),
    "deleted": ("num_target_rows_deleted", "numTargetRowsDeleted"),
}
"""How the two writers call what a commit did."""
OF_AN_APPEND = "numOutputRows"
ORDER = {"delete": 0, "update_preimage": 1, "update_postimage": 2, "insert": 3}


@dataclass(frozen=True)
class Commit:
    """A version of a table: when, which operation of which step, rows changed, and what it was made from."""

    version: int
    at_ms: int
    operation: str
    origin: Origin | None
    inserted: int
    updated: int
    deleted: int


def commits(store: Store, table: Table, limit: int) -> list[Commit]:
    """The newest `limit` versions of `table` that are still known, newest first."""
    return [_commit(entry) for entry in store.open(table).history(limit)]


def _commit(entry: dict[str, Any]) -> Commit:
    metrics = entry.get("operationMetrics") or {}
    counts = {
        name: next((int(metrics[each]) for each in names if each in metrics), 0) for name, names in COUNTS.items()
    }
    if entry["operation"] == "WRITE" and OF_AN_APPEND in metrics:
        counts["inserted"] = int(metrics[OF_AN_APPEND])
    return Commit(
        version=entry["version"],
        at_ms=entry["timestamp"],
        operation=entry["operation"].lower(),
        origin=Origin.of_text(entry.get("userMetadata")),
        **counts,
    )


def rows_at(store: Store, table: Table, version: int | None, key: str | None, limit: int) -> list[dict[str, Any]]:
    """At most `limit` rows of `table` as they were in `version`; with `key`, the rows of that key.

    Raises:
        TableError: no such version, or the table has no key.
    """
    opened = store.open(table, version)
    where = f'WHERE "{store.key(table)}" = {literal(key)}' if key else ""
    return query(f"SELECT * FROM rows_then {where} LIMIT {int(limit)}", rows_then=opened)  # noqa: S608 - quoted


def changes(
    store: Store, table: Table, first: int, last: int | None, *, key: str | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` changes of the versions `first` to `last` (by default the newest), old and new images.

    Raises:
        TableError: versions of that range are not there, or the table has no key.
    """
    newest = store.open(table).version()
    end = newest if last is None else last
    oldest = store.oldest(table) + 1
    if not oldest <= first <= end <= newest:
        raise TableError(f"{table.full_name} has no changes from version {first} to {end}; it has {oldest} to {newest}")
    wanted = None if key is None else f'"{store.key(table)}" = {literal(key)}'
    feed = store.open(table).load_cdf(starting_version=first, ending_version=end, predicate=wanted)
    rows: list[dict[str, Any]] = pa.table(feed).drop_columns(["_commit_timestamp"]).to_pylist()
    rows.sort(key=lambda row: (row["_commit_version"], ORDER.get(row["_change_type"], 0)))
    return rows[:limit]
