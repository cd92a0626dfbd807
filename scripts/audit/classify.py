"""Is this record right? The contract's rules on raw bytes, in plain Python."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

from contracts.faults import (
    CHANNELS,
    CURRENCIES,
    MAX_AHEAD_MS,
    STATUSES,
    UUID_PATTERN,
    Kind,
    Reason,
)

Row = Mapping[str, Any]
Rule = Callable[[Row, str, int], str | None]

PREFIX_BYTES = 5
BEFORE_DECODING = (Reason.NULL_KEY, Reason.NULL_VALUE, Reason.NOT_FRAMED, Reason.UNKNOWN_SCHEMA_ID)
CONTRACT_RULES = tuple(reason for reason in Reason if reason not in (*BEFORE_DECODING, Reason.UNDECODABLE))
IDS = {
    Kind.PROFILE: ("event_id", "customer_id"),
    Kind.ORDER: ("event_id", "customer_id", "order_id"),
    Kind.ACTIVATION: ("event_id", "customer_id", "activation_id"),
}
TIMES = {
    Kind.PROFILE: ("occurred_at_ms", "created_at_ms"),
    Kind.ORDER: ("occurred_at_ms", "placed_at_ms"),
    Kind.ACTIVATION: ("occurred_at_ms",),
}
_is_uuid = re.compile(UUID_PATTERN.removesuffix("$")).fullmatch


@dataclass(frozen=True)
class Codec:
    """A writer schema known to the registry and the schema its records are read as (None: the same)."""

    writer: Any
    reader: Any = None


@dataclass(frozen=True)
class Verdict:
    """What the audit thinks of a record: `reason` None is a right one. `row` is None where nothing was decoded."""

    reason: Reason | None
    detail: str = ""
    row: dict[str, Any] | None = None
    schema_id: int | None = None

    @property
    def is_tombstone(self) -> bool:
        """A right record without a value: it erases."""
        return self.reason is None and self.row is None


def classify(
    kind: Kind, key: bytes | None, value: bytes | None, timestamp_ms: int, codec_of: Callable[[int], Codec | None]
) -> Verdict:
    """Judge one record. `codec_of` gives the codec of a schema id, or None when the registry does not know it.

    A record has the first reason that holds, in the order of `Reason`.
    """
    if key is None:
        return Verdict(Reason.NULL_KEY)
    if value is None:
        return Verdict(None) if kind is Kind.PROFILE else Verdict(Reason.NULL_VALUE)
    if len(value) < PREFIX_BYTES or value[0] != 0:
        return Verdict(Reason.NOT_FRAMED)
    schema_id = int.from_bytes(value[1:PREFIX_BYTES], "big", signed=True)
    codec = codec_of(schema_id)
    if codec is None:
        return Verdict(Reason.UNKNOWN_SCHEMA_ID, schema_id=schema_id)
    try:
        row = decode(value, codec)
    except Exception as error:  # random bytes raise whatever the decoder happens to trip over
        return Verdict(Reason.UNDECODABLE, f"{type(error).__name__}: {error}", schema_id=schema_id)
    reason, detail = broken_rule(kind, row, key.decode("utf-8", "replace"), timestamp_ms)
    return Verdict(reason, detail, row, schema_id)


def decode(value: bytes, codec: Codec) -> dict[str, Any]:
    """The fields of a framed Avro value."""
    row = fastavro.schemaless_reader(io.BytesIO(value[PREFIX_BYTES:]), codec.writer, codec.reader)
    if not isinstance(row, dict):
        raise TypeError(f"a record is expected, not {type(row).__name__}")
    return row


def broken_rule(kind: Kind, row: Row, key: str, timestamp_ms: int) -> tuple[Reason | None, str]:
    """The first rule of the contract that the decoded `row` breaks, with the value that breaks it.

    `timestamp_ms` is the record's own time, against which event times are held.
    """
    if key != row["customer_id"]:
        return Reason.KEY_MISMATCH, f"key {key!r}, customer_id {row['customer_id']!r}"
    for name in IDS[kind]:
        if _is_uuid(row[name]) is None:
            return Reason.ID_NOT_UUID, f"{name} {row[name]!r}"
    for name in TIMES[kind]:
        if not 0 <= row[name] <= timestamp_ms + MAX_AHEAD_MS:
            return Reason.TIME_IN_FUTURE, f"{name} {row[name]}, record {timestamp_ms}"
    if kind is Kind.ORDER:
        return _broken_order(row)
    if kind is Kind.ACTIVATION:
        return _broken_activation(row)
    return None, ""


def _broken_order(row: Row) -> tuple[Reason | None, str]:
    total = row["order_total_cents"]
    if total <= 0:
        return Reason.TOTAL_NOT_POSITIVE, f"order_total_cents {total}"
    of_items = sum(item["quantity"] * item["price_cents"] for item in row["items"] or ())
    if total != of_items:
        return Reason.TOTAL_NOT_SUM_OF_ITEMS, f"order_total_cents {total}, items {of_items}"
    if row["currency"] not in CURRENCIES:
        return Reason.UNKNOWN_CURRENCY, f"currency {row['currency']!r}"
    return None, ""


def _broken_activation(row: Row) -> tuple[Reason | None, str]:
    if row["channel"] not in CHANNELS:
        return Reason.UNKNOWN_CHANNEL, f"channel {row['channel']!r}"
    if row["status"] not in STATUSES:
        return Reason.UNKNOWN_STATUS, f"status {row['status']!r}"
    return None, ""


def is_allowed(found: Reason | None, said: str) -> bool:
    """Whether a quarantine may say `said` of a record that this module found to be `found`.

    Two decoders need not trip at the same byte: where bytes do not decode cleanly in one, the other may decode them
    and then see a rule broken. Everything else must be the very same reason.
    """
    if found is None:
        return False
    if found is Reason.UNDECODABLE:
        return said in {Reason.UNDECODABLE.value, *(reason.value for reason in CONTRACT_RULES)}
    return said == found.value or (found in CONTRACT_RULES and said == Reason.UNDECODABLE.value)
