"""What a batch of rows changes in Redis, decided from the rows and from what is stored. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.marketing import GOLD_VIEW, LIVE_VIEW
from webapp.projector.decode import SHORT_NAMES, Row
from webapp.search_terms import index_entries

Stored = Mapping[str, dict[str, Any]]
"""Redis key → the row stored under it; keys without one are absent."""


@dataclass
class Plan:
    """Redis commands of one transaction, positions apart."""

    rows: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    recent: dict[str, int] = field(default_factory=dict)
    not_recent: list[str] = field(default_factory=list)
    found_by: list[str] = field(default_factory=list)
    not_found_by: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


def keys_to_read(rows: Iterable[Row]) -> list[str]:
    """The stored rows that `plan` must know: live ones for their old search terms, gold ones for their version."""
    return list(dict.fromkeys(_key(row) for row in rows if row.view in (LIVE_VIEW, GOLD_VIEW)))


def plan(rows: Iterable[Row], stored: Stored, now_ms: int) -> Plan:
    """The changes that `rows`, in the order of their topics, make to `stored`; the last row of each key counts."""
    result = Plan()
    for key, row in _newest(rows, stored).items():
        if row.value is None:
            result.deleted.append(key)
        else:
            result.rows[key] = _envelope(row, row.value, now_ms)
        if row.view is LIVE_VIEW:
            _index(result, row, stored.get(key))
        result.changes.append(json.dumps({"customer_id": row.customer_id, "view": SHORT_NAMES[row.view]}))
    return result


def _newest(rows: Iterable[Row], stored: Stored) -> dict[str, Row]:
    """Redis key → the row that counts. A gold row older than the one before it is passed over."""
    newest: dict[str, Row] = {}
    for row in rows:
        key = _key(row)
        before = newest[key].value if key in newest else stored.get(key)
        if row.view is GOLD_VIEW and _is_older(row.value, before):
            continue
        newest[key] = row
    return newest


def _is_older(value: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
    return value is not None and before is not None and value["version"] < before["version"]


def _index(result: Plan, row: Row, before: dict[str, Any] | None) -> None:
    old = set() if before is None else set(index_entries(row.customer_id, before))
    new = set() if row.value is None else set(index_entries(row.customer_id, row.value))
    result.found_by += sorted(new - old)
    result.not_found_by += sorted(old - new)
    if row.value is None:
        result.not_recent.append(row.customer_id)
    else:
        result.recent[row.customer_id] = row.record.timestamp_ms


def _envelope(row: Row, value: dict[str, Any], now_ms: int) -> str:
    record = row.record
    return json.dumps(
        {
            "row": value,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "projected_at_ms": now_ms,
        }
    )


def _key(row: Row) -> str:
    return row.view.key_for(row.customer_id)
