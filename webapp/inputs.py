"""What may be sent with an action, from a form or as JSON. Pure; everything is optional."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.faults import CHANNELS, STATUSES, UUID_PATTERN
from webapp.errors import BadInput

MAX_TEXT = 100
MAX_EMAIL = 254
MAX_ITEMS = 100
MAX_QUANTITY = 10_000
MAX_CENTS = 10_000_000_000
STATED_SKU = "STATED-TOTAL"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_UUID = re.compile(UUID_PATTERN)


@dataclass(frozen=True)
class EngagementInput:
    """A stated channel and outcome; None is left to chance."""

    channel: str | None = None
    status: str | None = None


def is_customer_id(text: str) -> bool:
    """Whether `text` has the form of a customer's id."""
    return len(text) == 36 and _UUID.fullmatch(text) is not None


def profile_input(given: Mapping[str, Any]) -> dict[str, str]:
    """The stated parts of a new customer's profile: first_name, last_name, email.

    Raises:
        BadInput: a field is unknown, too long, or no e-mail address.
    """
    _only(given, ("first_name", "last_name", "email"))
    stated = {name: _text(given, name, MAX_EMAIL if name == "email" else MAX_TEXT) for name in given}
    email = stated.get("email")
    if email and not _EMAIL.fullmatch(email):
        raise BadInput(f"email: {email!r} is not an address")
    return {name: text for name, text in stated.items() if text}


def order_input(given: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The stated items of an order, one item for a stated total, or None for a random order.

    Raises:
        BadInput: a field is unknown, out of range, or total and items do not agree.
    """
    _only(given, ("items", "order_total_cents"))
    total = given.get("order_total_cents")
    if total is not None:
        total = _whole(total, "order_total_cents", MAX_CENTS)
    if given.get("items") is None:
        return None if total is None else [{"sku": STATED_SKU, "quantity": 1, "price_cents": total}]
    items = _items(given["items"])
    amount = sum(item["quantity"] * item["price_cents"] for item in items)
    if amount > MAX_CENTS:
        raise BadInput(f"items: they cost {amount} cents; at most {MAX_CENTS}")
    if total is not None and amount != total:
        raise BadInput(f"order_total_cents: {total} is not the sum of the items, {amount}")
    return items


def engagement_input(given: Mapping[str, Any]) -> EngagementInput:
    """The stated parts of an engagement.

    Raises:
        BadInput: a field is unknown, or its value is not one of the contract's.
    """
    _only(given, ("channel", "status"))
    return EngagementInput(_one_of(given, "channel", CHANNELS), _one_of(given, "status", STATUSES))


def _items(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_ITEMS:
        raise BadInput(f"items: a list of 1 to {MAX_ITEMS} items, each with sku, quantity and price_cents")
    return [_item(item, number) for number, item in enumerate(given)]


def _item(given: Any, number: int) -> dict[str, Any]:
    place = f"items[{number}]"
    names = ("sku", "quantity", "price_cents")
    if not isinstance(given, dict) or set(given) != set(names):
        raise BadInput(f"{place}: an item has exactly {', '.join(names)}")
    sku = _text(given, "sku", MAX_TEXT)
    if not sku:
        raise BadInput(f"{place}.sku: must not be empty")
    return {
        "sku": sku,
        "quantity": _whole(given["quantity"], f"{place}.quantity", MAX_QUANTITY),
        "price_cents": _whole(given["price_cents"], f"{place}.price_cents", MAX_CENTS),
    }


def _only(given: Mapping[str, Any], accepted: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(accepted))
    if unknown:
        raise BadInput(f"unknown: {', '.join(unknown)[:MAX_TEXT]}; accepted: {', '.join(accepted)}")


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    text = given[name]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise BadInput(f"{name}: must be text")
    text = text.strip()
    if len(text) > longest:
        raise BadInput(f"{name}: {len(text)} characters; at most {longest}")
    if not text.isprintable():
        raise BadInput(f"{name}: has characters that cannot be shown")
    return text


def _whole(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadInput(f"{name}: must be a whole number from 1 to {most}")
    return value


def _one_of(given: Mapping[str, Any], name: str, accepted: tuple[str, ...]) -> str | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    if value not in accepted:
        raise BadInput(f"{name}: {str(value)[:MAX_TEXT]!r} is not one of {', '.join(accepted)}")
    return str(value)
