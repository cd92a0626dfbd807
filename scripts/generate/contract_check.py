"""Says whether a record keeps the contract, and if not, by which reason: the generator's check of its own faults.

Pure: schemas come in, a reason comes out.
"""

import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import fastavro

from contracts.faults import CHANNELS, CURRENCIES, MAX_AHEAD_MS, STATUSES, UUID_PATTERN, Kind, Reason
from scripts.generate.records import ID_FIELD, Record

HEADER_BYTES = 5
TIME_FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.PROFILE: ("occurred_at_ms", "created_at_ms"),
    Kind.ORDER: ("occurred_at_ms", "placed_at_ms"),
    Kind.ACTIVATION: ("occurred_at_ms",),
}
_UUID = re.compile(UUID_PATTERN)
Row = dict[str, Any]
Rule = Callable[[Kind, Row, int], bool]


def _ids_are_uuids(kind: Kind, row: Row, _now_ms: int) -> bool:
    return all(_UUID.fullmatch(row[field]) for field in ("event_id", "customer_id", ID_FIELD[kind]))


def _times_are_possible(kind: Kind, row: Row, now_ms: int) -> bool:
    return all(0 <= row[field] <= now_ms + MAX_AHEAD_MS for field in TIME_FIELDS[kind])


def _total_is_positive(kind: Kind, row: Row, _now_ms: int) -> bool:
    return kind is not Kind.ORDER or row["order_total_cents"] > 0


def _total_is_sum(kind: Kind, row: Row, _now_ms: int) -> bool:
    return kind is not Kind.ORDER or row["order_total_cents"] == sum(
        item["quantity"] * item["price_cents"] for item in row["items"]
    )


def _currency_is_known(kind: Kind, row: Row, _now_ms: int) -> bool:
    return kind is not Kind.ORDER or row["currency"] in CURRENCIES


def _channel_is_known(kind: Kind, row: Row, _now_ms: int) -> bool:
    return kind is not Kind.ACTIVATION or row["channel"] in CHANNELS


def _status_is_known(kind: Kind, row: Row, _now_ms: int) -> bool:
    return kind is not Kind.ACTIVATION or row["status"] in STATUSES


RULES: tuple[tuple[Reason, Rule], ...] = (
    (Reason.ID_NOT_UUID, _ids_are_uuids),
    (Reason.TIME_IN_FUTURE, _times_are_possible),
    (Reason.TOTAL_NOT_POSITIVE, _total_is_positive),
    (Reason.TOTAL_NOT_SUM_OF_ITEMS, _total_is_sum),
    (Reason.UNKNOWN_CURRENCY, _currency_is_known),
    (Reason.UNKNOWN_CHANNEL, _channel_is_known),
    (Reason.UNKNOWN_STATUS, _status_is_known),
)


def broken_rules(record: Record, now_ms: int, schemas: Mapping[int, Any]) -> list[Reason]:
    """Every reason against `record`, the first one first; none for a good record or an erase.

    Args:
        now_ms: the record's timestamp.
        schemas: the parsed schemas of the registry, by id.
    """
    if record.key is None:
        return [Reason.NULL_KEY]
    if record.value is None:
        return [] if record.kind is Kind.PROFILE else [Reason.NULL_VALUE]
    if len(record.value) < HEADER_BYTES or record.value[0] != 0:
        return [Reason.NOT_FRAMED]
    schema = schemas.get(int.from_bytes(record.value[1:HEADER_BYTES], "big"))
    if schema is None:
        return [Reason.UNKNOWN_SCHEMA_ID]
    row = _decode(record.value[HEADER_BYTES:], schema)
    if row is None or not {"event_id", "customer_id", ID_FIELD[record.kind]} <= row.keys():
        return [Reason.UNDECODABLE]
    mismatch = [Reason.KEY_MISMATCH] if record.key != row["customer_id"].encode() else []
    return mismatch + [reason for reason, holds in RULES if not holds(record.kind, row, now_ms)]


def _decode(body: bytes, schema: Any) -> Row | None:
    try:
        row: Any = fastavro.schemaless_reader(BytesIO(body), schema, None)
    except Exception:
        # Bytes that are no Avro fail in as many ways as there are types.
        return None
    return row if isinstance(row, dict) else None
