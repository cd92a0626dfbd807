"""The marketing lab's events, made from a random source, a time and an id source: pure, no input or output.

Times are ms since 1970 UTC, money is integer cents, ids come from `new_id` and must be UUIDs.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.faults import CHANNELS
from contracts.lifecycle import stage_of
from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, ORDER_PLACED
from contracts.model import Topic
from webapp.commands.catalogue import (
    FIRST_NAMES,
    LAST_NAMES,
    MAIL_DOMAINS,
    ORDER_CHANNEL_WEIGHTS,
    ORDER_CHANNELS,
    PRODUCT_CUM_WEIGHTS,
    PRODUCTS,
)

DELIVERED_SHARE = 0.75
MAX_ATTEMPTS = 3
MAX_DELIVERY_MS = 5_000
_LINES_WEIGHTS = (50, 28, 15, 7)
_QUANTITY_WEIGHTS = (80, 15, 5)


@dataclass(frozen=True)
class Event:
    """What one record says: its topic, its key (plain text) and its value, None where it erases the customer."""

    topic: Topic
    key: str
    value: dict[str, Any] | None

    @property
    def event_id(self) -> str:
        """The id that follows the event through every station; "" for an erase, which carries none."""
        return str(self.value["event_id"]) if self.value is not None else ""


def profile_event(rng: random.Random, now_ms: int, new_id: Callable[[], str]) -> Event:
    """A new prospect, created at `now_ms`: inactive, without orders."""
    customer_id = new_id()
    first_name, last_name = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    mailbox = f"{first_name}.{last_name}.{rng.randrange(10_000):04d}".lower()
    value = {
        "event_id": new_id(),
        "occurred_at_ms": now_ms,
        "customer_id": customer_id,
        "email": f"{mailbox}@{rng.choice(MAIL_DOMAINS)}",
        "first_name": first_name,
        "last_name": last_name,
        "created_at_ms": now_ms,
        "lifecycle_stage": stage_of(0, 0, 0, 0),
        "is_active": False,
    }
    return Event(CUSTOMER_PROFILE, customer_id, value)


def order_event(rng: random.Random, customer_id: str, now_ms: int, new_id: Callable[[], str]) -> Event:
    """An order of one to four products, popular ones more often (Zipf), placed at `now_ms`."""
    items = _items(rng)
    value = {
        "event_id": new_id(),
        "occurred_at_ms": now_ms,
        "order_id": new_id(),
        "customer_id": customer_id,
        "order_total_cents": sum(item["quantity"] * item["price_cents"] for item in items),
        "items": items,
        "currency": "USD",
        "channel": rng.choices(ORDER_CHANNELS, ORDER_CHANNEL_WEIGHTS)[0],
        "placed_at_ms": now_ms,
    }
    return Event(ORDER_PLACED, customer_id, value)


def _items(rng: random.Random) -> list[dict[str, Any]]:
    """One to four lines of an order, no product twice."""
    lines = rng.choices((1, 2, 3, 4), _LINES_WEIGHTS)[0]
    products = dict.fromkeys(rng.choices(PRODUCTS, cum_weights=PRODUCT_CUM_WEIGHTS, k=lines))
    quantities = rng.choices((1, 2, 3), _QUANTITY_WEIGHTS, k=len(products))
    return [
        {"sku": product.sku, "quantity": quantity, "price_cents": product.price_cents}
        for product, quantity in zip(products, quantities, strict=True)
    ]


def activation_event(
    rng: random.Random, customer_id: str, now_ms: int, new_id: Callable[[], str], order_id: str | None = None
) -> Event:
    """A message to the customer at `now_ms`, three in four delivered; about `order_id`, if given."""
    delivered = rng.random() < DELIVERED_SHARE
    value = {
        "event_id": new_id(),
        "occurred_at_ms": now_ms,
        "activation_id": new_id(),
        "order_id": order_id,
        "customer_id": customer_id,
        "channel": rng.choice(CHANNELS),
        "status": "delivered" if delivered else "failed",
        "delivered_at_ms": now_ms + rng.randrange(MAX_DELIVERY_MS) if delivered else None,
        "attempts": rng.randint(1, MAX_ATTEMPTS) if delivered else MAX_ATTEMPTS,
    }
    return Event(ACTIVATION_STATUS, customer_id, value)


def erase_event(customer_id: str) -> Event:
    """The customer is erased: a null profile."""
    return Event(CUSTOMER_PROFILE, customer_id, None)
