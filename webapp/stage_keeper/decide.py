"""Which profiles must be published again, decided from rows of the consolidated topic. Pure."""

import json
from collections.abc import Iterable, Mapping, MutableSet
from typing import Any

from contracts.lifecycle import stage_of
from contracts.marketing import CUSTOMER_PROFILE
from webapp.commands.events import Event, erase_event
from webapp.errors import UndecodableRecord
from webapp.kafka_reader import Record

Rows = dict[str, dict[str, Any] | None]
"""Customer id → the newest consolidated row, None for a customer that is gone."""

_PROFILE_FIELDS = ("email", "first_name", "last_name", "created_at_ms")
_NEEDED = ("order_count", "lifetime_value_cents", "delivered", "failed", "last_event_at_ms", "created_at_ms")


def newest_rows(records: Iterable[Record]) -> tuple[Rows, list[UndecodableRecord]]:
    """The last row of each customer in a batch, and what could not be read. Earlier rows are out of date."""
    rows: Rows = {}
    faults: list[UndecodableRecord] = []
    for record in records:
        try:
            customer_id, row = _row(record)
        except (ValueError, KeyError, TypeError) as error:
            faults.append(UndecodableRecord(f"{record.topic}:{record.partition} offset {record.offset}: {error!r}"))
        else:
            rows[customer_id] = row
    return rows, faults


def _row(record: Record) -> tuple[str, dict[str, Any] | None]:
    if not record.key:
        raise ValueError("no key")
    customer_id = record.key.decode("utf-8")
    if record.value is None:
        return customer_id, None
    row: dict[str, Any] = json.loads(record.value)
    wrong = [name for name in _NEEDED if not isinstance(row[name], int)]
    if wrong or not isinstance(row["last_event_id"], str):
        raise ValueError(f"not numbers: {', '.join(wrong)}" if wrong else "last_event_id is no text")
    return customer_id, row


def coming_profile(customer_id: str, row: Mapping[str, Any]) -> Event | None:
    """The profile that gives the customer the stage the rules say, or None where the row has it already.

    It carries the newest event's id and time, so it never hides that event.
    """
    orders = row["order_count"]
    stage = stage_of(orders, row["lifetime_value_cents"], row["delivered"], row["failed"])
    is_active = orders > 0
    if row.get("lifecycle_stage") == stage and row.get("is_active") is is_active:
        return None
    value = {
        "event_id": row["last_event_id"],
        "occurred_at_ms": row["last_event_at_ms"],
        "customer_id": customer_id,
        **{name: row.get(name) for name in _PROFILE_FIELDS},
        "lifecycle_stage": stage,
        "is_active": is_active,
    }
    return Event(CUSTOMER_PROFILE, customer_id, value)


def decide(rows: Rows, unsettled: MutableSet[str]) -> list[Event]:
    """The events that `rows` call for.

    `unsettled` are customers whose published profile has not come round; it is kept up to date here. When such a
    customer turns out erased, the profile may have followed the erase and brought the customer back: erase again.
    """
    events = []
    for customer_id, row in rows.items():
        event = coming_profile(customer_id, row) if row is not None else None
        if event is not None:
            unsettled.add(customer_id)
            events.append(event)
        elif customer_id in unsettled:
            unsettled.discard(customer_id)
            if row is None:
                events.append(erase_event(customer_id))
    return events
