"""Keeps tables small over a long run: few files, a short log, and no more of the past than is wanted."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable

from contracts.model import Table
from spark.runtime.past import LEFT_TO_UPKEEP, first_within, forget, log_of
from spark.runtime.small_tables import TARGET_FILE_BYTES

Needs = Callable[[Table], tuple[int, str] | None]
"""The first version of a table that a reader has not taken in, and that reader; None when nobody reads it."""


@dataclass(frozen=True)
class History:
    """How much of the past is kept: the newest `versions`, and each that is not older than `seconds`."""

    versions: int = 200
    seconds: float = 300.0


@dataclass(frozen=True)
class Tended:
    """What upkeep did to a table. `held_by` is the reader for which more is kept than the history asks for."""

    table: str
    files_before: int
    files: int
    clustered: bool
    removed_files: int
    removed_log_files: int
    removed_bytes: int
    oldest_change: int
    version: int
    held_by: str | None
    seconds: float


class Caretaker:
    """Tends the Delta tables below a folder. `turn` gives the right to write a table, for as long as it is held."""

    def __init__(
        self,
        root: str,
        turn: Callable[[Table], AbstractContextManager[object]],
        needs: Needs,
        history: History | None = None,
    ) -> None:
        self._root = root.rstrip("/")
        self._turn = turn
        self._needs = needs
        self._history = history or History()

    def tend(self, table: Table, *, cluster: bool = False) -> Tended:
        """Compact `table`, cluster it where it pays if `cluster`, and forget what is past."""
        started = time.monotonic()
        path = f"{self._root}/{table.path}"
        before = _files(path)
        clustered = cluster and self._cluster(table, path)
        with self._turn(table):
            _leave_to_upkeep(path)
            DeltaTable(path).optimize.compact(target_size=TARGET_FILE_BYTES)
            keep_from, held_by = self._keep_from(table, path)
            forgotten = forget(path, keep_from, self._history.seconds)
        log = log_of(path)
        return Tended(
            table=table.full_name,
            files_before=before,
            files=_files(path),
            clustered=clustered,
            removed_files=forgotten.files,
            removed_log_files=forgotten.log_files,
            removed_bytes=forgotten.bytes,
            oldest_change=log.oldest_change,
            version=log.newest,
            held_by=held_by,
            seconds=round(time.monotonic() - started, 3),
        )

    def _keep_from(self, table: Table, path: str) -> tuple[int, str | None]:
        """The oldest version to keep, and the reader that alone asks for it."""
        log = log_of(path)
        wanted = min(log.newest - self._history.versions + 1, first_within(path, log, self._history.seconds))
        need = self._needs(table)
        if need and need[0] < wanted:
            return need
        return wanted, None

    def _cluster(self, table: Table, path: str) -> bool:
        """Sort the rows so that those of one key lie in few files; whether it was worth it.

        Only tables into which rows are inserted, never changed, are clustered: an insert does not meet a file that is
        being rewritten, so no writer has to wait.
        """
        opened = DeltaTable(path)
        if table.clustered_by is None or sum(_adds(opened)["size_bytes"]) < 2 * TARGET_FILE_BYTES:
            return False
        if _is_clustered(opened):
            return False
        opened.optimize.z_order([table.clustered_by], target_size=TARGET_FILE_BYTES)
        return True


def _leave_to_upkeep(path: str) -> None:
    """Make sure of the table's properties: it may have been made by an earlier version of the lab."""
    table = DeltaTable(path)
    present = table.metadata().configuration
    if LEFT_TO_UPKEEP.items() - present.items():
        table.alter.set_table_properties(LEFT_TO_UPKEEP)


def _is_clustered(table: DeltaTable) -> bool:
    """Whether nothing was written since the table was clustered last."""
    for commit in table.history():
        if commit["operation"] != "OPTIMIZE":
            return False
        if commit.get("operationMetrics", {}).get("plannerStrategy") == "zOrder":
            return True
    return False


def _adds(table: DeltaTable) -> dict[str, list[int]]:
    found: dict[str, list[int]] = pa.table(table.get_add_actions()).select(["size_bytes"]).to_pydict()
    return found


def _files(path: str) -> int:
    return len(_adds(DeltaTable(path))["size_bytes"])
