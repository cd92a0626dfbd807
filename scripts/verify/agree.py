"""Do the views say what the story says? Pure; each answer is a list of what is missing, empty when they agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.verify.story import Expected

Customer = Mapping[str, Any]
"""What the API says of one customer: {customer_id, live, gold, segment, propensity}, each an envelope or null."""


@dataclass(frozen=True)
class Wanted:
    """What must be seen: the story's numbers, the first and last order's time (ms), and the newest event's id."""

    expected: Expected
    event_id: str
    first_order_at_ms: int | None = None
    last_order_at_ms: int | None = None


def missing_numbers(customer: Customer, view: str, wanted: Wanted) -> list[str]:
    """What the live or gold view lacks of counts, sums and times: what is there as soon as the event has come round."""
    expected = wanted.expected
    fields: dict[str, Any] = {
        "order_count": expected.orders,
        "lifetime_value_cents": expected.cents,
        "delivered": expected.delivered,
        "failed": expected.failed,
        "first_order_at_ms": wanted.first_order_at_ms,
        "last_order_at_ms": wanted.last_order_at_ms,
        "last_event_id": wanted.event_id,
    }
    if view == "gold":
        fields |= {"average_order_value_cents": expected.average_cents, "engagement_rate": expected.rate}
    return _differences(customer, view, fields)


def missing_live(customer: Customer, wanted: Wanted) -> list[str]:
    """What the live side lacks: numbers, stage, activity and segment."""
    return [
        *missing_numbers(customer, "live", wanted),
        *_differences(customer, "live", _rules(wanted.expected)),
        *_differences(customer, "segment", {"segment": wanted.expected.segment}),
    ]


def missing_gold(customer: Customer, wanted: Wanted) -> list[str]:
    """What the gold side lacks: numbers, stage, activity and the propensity score."""
    return [
        *missing_numbers(customer, "gold", wanted),
        *_differences(customer, "gold", _rules(wanted.expected)),
        *_propensity(customer),
    ]


def missing_all(customer: Customer, wanted: Wanted) -> list[str]:
    """What any view lacks."""
    return [*missing_live(customer, wanted), *missing_gold(customer, wanted)]


def _rules(expected: Expected) -> dict[str, Any]:
    return {"lifecycle_stage": expected.stage, "is_active": expected.is_active}


def _row(customer: Customer, view: str) -> Mapping[str, Any] | None:
    envelope = customer.get(view)
    return envelope.get("row") if isinstance(envelope, Mapping) else None


def _differences(customer: Customer, view: str, fields: Mapping[str, Any]) -> list[str]:
    row = _row(customer, view)
    if row is None:
        return [f"{view} view: no row"]
    return [
        f"{view} view: {name} is {row.get(name)!r}, expected {value!r}"
        for name, value in fields.items()
        if not _same(row.get(name), value)
    ]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(found - expected) < 1e-9
    return bool(found == expected)


def _propensity(customer: Customer) -> list[str]:
    row = _row(customer, "propensity")
    if row is None:
        return ["propensity view: no row"]
    score = row.get("score")
    if isinstance(score, (int, float)) and not isinstance(score, bool) and 0.0 <= score <= 1.0:
        return []
    return [f"propensity view: score is {score!r}, expected 0 to 1"]
