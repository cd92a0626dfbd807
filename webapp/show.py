"""How numbers, times and differences are shown. One home: the server renders them, the browser only puts them in."""

from typing import Any

from webapp.read_model import Change, Customer, ViewRow

NOTHING = "\u2013"
COMPARED = ("order_count", "lifetime_value_cents", "delivered", "failed")


def money(cents: Any) -> str:
    """Cents as dollars: 123456 → $1,234.56."""
    if not isinstance(cents, int):
        return NOTHING
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def number(value: Any) -> str:
    """A whole number with separators."""
    return f"{value:,}" if isinstance(value, int) else NOTHING


def percent(value: Any) -> str:
    """A share from 0 to 1 as whole percent."""
    return f"{value * 100:.0f}%" if isinstance(value, int | float) else NOTHING


def age(at_ms: int | None, now_ms: int) -> str:
    """How long ago, in the largest fitting unit. static/ages.js has the same rule and keeps it ticking."""
    if at_ms is None:
        return NOTHING
    seconds = max(0, now_ms - at_ms) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def full_name(customer: Customer) -> str:
    """First and last name, or a stand-in for a customer without."""
    row = _profile(customer)
    name = " ".join(str(row[part]) for part in ("first_name", "last_name") if row.get(part))
    return name or "(no name)"


def differing(customer: Customer) -> set[str]:
    """The columns in which the live and the gold row differ; none while one of them is missing."""
    if customer.live is None or customer.gold is None:
        return set()
    live, gold = customer.live.row, customer.gold.row
    return {name for name in COMPARED if live.get(name) != gold.get(name)}


def cells(customer: Customer) -> dict[str, Any]:
    """The texts of a customer's row on the page, and which columns differ; ages as the time they count from."""
    live, gold = _row(customer.live), _row(customer.gold)
    differ = differing(customer)
    return {
        "name": full_name(customer),
        "email": str(_profile(customer).get("email") or NOTHING),
        "stage": str(live.get("lifecycle_stage") or gold.get("lifecycle_stage") or NOTHING),
        "segment": str(_row(customer.segment).get("segment") or NOTHING),
        "propensity": percent(_row(customer.propensity).get("score")),
        "live_orders": number(live.get("order_count")),
        "gold_orders": number(gold.get("order_count")),
        "live_value": money(live.get("lifetime_value_cents")),
        "gold_value": money(gold.get("lifetime_value_cents")),
        "live_sent": _sent(live),
        "gold_sent": _sent(gold),
        "live_at_ms": customer.live.timestamp_ms if customer.live else None,
        "gold_at_ms": customer.gold.timestamp_ms if customer.gold else None,
        "differ": {
            "orders": "order_count" in differ,
            "value": "lifetime_value_cents" in differ,
            "sent": bool(differ & {"delivered", "failed"}),
        },
        "live_event_id": live.get("last_event_id"),
        "gold_event_id": gold.get("last_event_id"),
    }


def change(changed: Change, customer: Customer) -> dict[str, Any]:
    """What a browser is told of a change; `row` is None for a customer that is gone."""
    row = cells(customer) if customer.exists else None
    return {"customer_id": changed.customer_id, "view": changed.view, "row": row}


def _sent(row: dict[str, Any]) -> str:
    return f"{number(row.get('delivered'))} / {number(row.get('failed'))}" if row else NOTHING


def _row(view_row: ViewRow | None) -> dict[str, Any]:
    return view_row.row if view_row else {}


def _profile(customer: Customer) -> dict[str, Any]:
    return _row(customer.live) or _row(customer.gold)
