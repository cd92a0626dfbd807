"""Which records came, and which of them keep the contract? Topics → bronze, and quarantine for the rest.

Grain: one row per record of a topic, in exactly one of the four tables.
"""

import sys
from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as sf

from contracts.faults import CHANNELS, CURRENCIES, MAX_AHEAD_MS, STATUSES, UUID_PATTERN, Reason
from contracts.marketing import (
    ACTIVATION_STATUS,
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_PROFILE,
    INGEST,
    MARKETING,
    ORDER_PLACED,
    QUARANTINE,
)
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Ingest, Rule, Source

Record = Callable[[str], Column]


def _either(conditions: list[Column]) -> Column:
    """Whether one of `conditions` holds."""
    found = conditions[0]
    for condition in conditions[1:]:
        found = found | condition
    return found


def key_is_customer() -> Rule:
    """The record's key is the customer it speaks of."""
    return Rule(Reason.KEY_MISMATCH, lambda value, record: value["customer_id"] != record("key"))


def ids_are_uuids(*names: str) -> Rule:
    """The columns `names` hold UUIDs."""
    return Rule(Reason.ID_NOT_UUID, lambda value, record: _either([~value[name].rlike(UUID_PATTERN) for name in names]))


def times_are_past(*names: str) -> Rule:
    """The columns `names` (ms) are not before 1970 and not far after the record itself."""

    def broken(value: Column, record: Record) -> Column:
        latest = record("timestamp_ms") + sf.lit(MAX_AHEAD_MS)
        return _either([(value[name] < 0) | (value[name] > latest) for name in names])

    return Rule(Reason.TIME_IN_FUTURE, broken)


def in_list(name: str, accepted: tuple[str, ...], reason: Reason) -> Rule:
    """The column `name` holds one of `accepted`."""
    return Rule(reason, lambda value, record: ~value[name].isin(*accepted))


def total_is_positive() -> Rule:
    """An order costs something."""
    return Rule(Reason.TOTAL_NOT_POSITIVE, lambda value, record: value["order_total_cents"] <= 0)


def total_is_sum_of_items() -> Rule:
    """The total is Σ quantity × price; a sum beyond 64 bits is never right."""

    def broken(value: Column, record: Record) -> Column:
        total = sf.aggregate(
            value["items"],
            sf.lit(0).cast("bigint"),
            lambda sum_cents, item: sf.try_add(
                sum_cents, sf.try_multiply(item["quantity"].cast("bigint"), item["price_cents"])
            ),
        )
        return ~value["order_total_cents"].eqNullSafe(total)

    return Rule(Reason.TOTAL_NOT_SUM_OF_ITEMS, broken)


PROFILE_RULES = (
    key_is_customer(),
    ids_are_uuids("event_id", "customer_id"),
    times_are_past("occurred_at_ms", "created_at_ms"),
)
ORDER_RULES = (
    key_is_customer(),
    ids_are_uuids("event_id", "customer_id", "order_id"),
    times_are_past("occurred_at_ms", "placed_at_ms"),
    total_is_positive(),
    total_is_sum_of_items(),
    in_list("currency", CURRENCIES, Reason.UNKNOWN_CURRENCY),
)
ACTIVATION_RULES = (
    key_is_customer(),
    ids_are_uuids("event_id", "customer_id", "activation_id"),
    times_are_past("occurred_at_ms"),
    in_list("channel", CHANNELS, Reason.UNKNOWN_CHANNEL),
    in_list("status", STATUSES, Reason.UNKNOWN_STATUS),
)

STEPS = (
    Ingest(
        name="bronze",
        job=INGEST,
        sources=(
            Source(CUSTOMER_PROFILE, BRONZE_PROFILES, PROFILE_RULES, erasable=True),
            Source(ORDER_PLACED, BRONZE_ORDERS, ORDER_RULES),
            Source(ACTIVATION_STATUS, BRONZE_ACTIVATIONS, ACTIVATION_RULES),
        ),
        quarantine=QUARANTINE,
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
