"""What a person can do to a customer: each action is one event, published and acknowledged."""

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from webapp.commands.events import Event, activation_event, erase_event, order_event, profile_event
from webapp.commands.publisher import Ack, EventPublisher
from webapp.errors import RedisUnavailable, UnknownCustomer
from webapp.inputs import EngagementInput, is_customer_id
from webapp.read_model import ReadModel

PUBLISH_TIMEOUT_S = 5.0
REMEMBERED = 10_000
REMEMBERED_S = 3600.0


@dataclass(frozen=True)
class Done:
    """An action's event and the broker's word that it is stored."""

    customer_id: str
    event: Event
    ack: Ack


class RecentCustomers:
    """Ids of customers whose profile is acknowledged but perhaps not yet in a view. Bounded in number and time."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, float] = OrderedDict()

    def add(self, customer_id: str) -> None:
        """Remember `customer_id` for an hour."""
        with self._lock:
            self._ids[customer_id] = self._clock_s() + REMEMBERED_S
            self._ids.move_to_end(customer_id)
            if len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)

    def forget(self, customer_id: str) -> None:
        """The customer is erased."""
        with self._lock:
            self._ids.pop(customer_id, None)

    def __contains__(self, customer_id: str) -> bool:
        with self._lock:
            return self._ids.get(customer_id, 0.0) > self._clock_s()


class Actions:
    """Publishes the event of each action.

    Every method raises PublishError when the event was not acknowledged, and all but `create` raise
    UnknownCustomer. While Redis is down nobody can say who exists, so every well-formed id is accepted then.
    """

    def __init__(
        self,
        publisher: EventPublisher,
        read_model: ReadModel,
        recent: RecentCustomers,
        *,
        rng: random.Random,
        now_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._publisher = publisher
        self._read_model = read_model
        self._recent = recent
        self._rng = rng
        self._now_ms = now_ms
        self._new_id = new_id

    def warm_up(self) -> None:
        """Connect to the broker now, so that the first action need not wait for it."""
        self._publisher.warm_up()

    def create(self, stated: dict[str, str]) -> Done:
        """A new prospect; what is not stated is random."""
        event = profile_event(self._rng, self._now_ms(), self._new_id)
        done = self._publish(_with(event, stated))
        self._recent.add(done.customer_id)
        return done

    def order(self, customer_id: str, items: list[dict[str, Any]] | None) -> Done:
        """An order of `items`, or a random one."""
        self._must_exist(customer_id)
        event = order_event(self._rng, customer_id, self._now_ms(), self._new_id)
        if items is not None:
            total = sum(item["quantity"] * item["price_cents"] for item in items)
            event = _with(event, {"items": items, "order_total_cents": total})
        return self._publish(event)

    def engage(self, customer_id: str, stated: EngagementInput) -> Done:
        """A message to the customer; channel and outcome are random where not stated."""
        self._must_exist(customer_id)
        now_ms = self._now_ms()
        event = activation_event(self._rng, customer_id, now_ms, self._new_id)
        if stated.channel is not None:
            event = _with(event, {"channel": stated.channel})
        if stated.status is not None:
            delivered_at_ms = now_ms if stated.status == "delivered" else None
            event = _with(event, {"status": stated.status, "delivered_at_ms": delivered_at_ms})
        return self._publish(event)

    def erase(self, customer_id: str) -> Done:
        """The customer leaves every view."""
        self._must_exist(customer_id)
        done = self._publish(erase_event(customer_id))
        self._recent.forget(customer_id)
        return done

    def is_recent(self, customer_id: str) -> bool:
        """Whether the customer was created here lately, so that its views may still be on their way."""
        return customer_id in self._recent

    def _must_exist(self, customer_id: str) -> None:
        if not is_customer_id(customer_id):
            raise UnknownCustomer(f"{customer_id[:50]!r} is not a customer's id")
        if customer_id in self._recent:
            return
        try:
            known = self._read_model.exists(customer_id)
        except RedisUnavailable:
            return
        if not known:
            raise UnknownCustomer(f"there is no customer {customer_id}")

    def _publish(self, event: Event) -> Done:
        return Done(event.key, event, self._publisher.publish(event, PUBLISH_TIMEOUT_S))


def _with(event: Event, changed: dict[str, Any]) -> Event:
    return replace(event, value={**(event.value or {}), **changed})
