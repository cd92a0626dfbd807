"""The customers of one run, and good events about them. Deterministic: a seed and a run id give all of it."""

import random
from collections import deque
from dataclasses import dataclass, replace

from contracts.faults import Kind
from scripts.generate.day_curve import DAY_MS, time_on_the_curve
from scripts.generate.ids import IdSource
from webapp.commands.events import Event, activation_event, order_event, profile_event

MAX_CUSTOMERS = 50_000
FIRST_CUSTOMERS = 10
MAX_AGE_DAYS = 90
NEW_CUSTOMER_SHARE = 0.12
ORDER_SHARE = 0.48
ABOUT_AN_ORDER_SHARE = 0.6
NAMELESS_SHARE = 0.01
REMEMBERED_FACTS = 500


@dataclass
class Customer:
    """A customer that may be used in events: its profile was made before."""

    customer_id: str
    last_order_id: str | None = None


class Population:
    """Makes customers, and their orders and activations.

    Old customers are busier than new ones, so that every lifecycle stage appears. When there are too many customers
    to keep, a new one takes the place of any other.
    """

    def __init__(self, seed: int, run_id: str) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - shapes data, guards nothing
        self.new_id = IdSource(seed, run_id)
        self._customers: list[Customer] = []
        self._facts: dict[Kind, deque[Event]] = {
            kind: deque(maxlen=REMEMBERED_FACTS) for kind in (Kind.ORDER, Kind.ACTIVATION)
        }

    def next_event(self, now_ms: int) -> Event:
        """A good event: a new customer, or an order or an activation of a known one."""
        if len(self._customers) < FIRST_CUSTOMERS or self.rng.random() < NEW_CUSTOMER_SHARE:
            event = self.new_profile(now_ms)
            self.join(event.key)
            return event
        kind = Kind.ORDER if self.rng.random() < ORDER_SHARE else Kind.ACTIVATION
        return self.new_fact(kind, now_ms)

    def new_profile(self, now_ms: int) -> Event:
        """A profile of a customer that no event was about, created in the last months; not yet in the population."""
        created_ms = now_ms - int(self.rng.random() * MAX_AGE_DAYS * DAY_MS)
        event = profile_event(self.rng, created_ms, self.new_id)
        if self.rng.random() >= NAMELESS_SHARE or event.value is None:
            return event
        return replace(event, value={**event.value, "first_name": None, "last_name": None, "email": None})

    def join(self, customer_id: str) -> None:
        """From now on events may be about this customer."""
        if len(self._customers) < MAX_CUSTOMERS:
            self._customers.append(Customer(customer_id))
        else:
            self._customers[self.rng.randrange(MAX_CUSTOMERS)] = Customer(customer_id)

    def new_fact(self, kind: Kind, now_ms: int, customer_id: str | None = None) -> Event:
        """A good order or activation, of `customer_id` or of any customer; it can be repeated later."""
        customer = Customer(customer_id) if customer_id else self._any_customer()
        event = self._fact(kind, customer, time_on_the_curve(self.rng, now_ms))
        self._facts[kind].append(event)
        return event

    def a_recent_fact(self, kind: Kind) -> Event | None:
        """One of the last good orders or activations, None when there was none."""
        facts = self._facts[kind]
        return facts[self.rng.randrange(len(facts))] if facts else None

    def a_customer_id(self) -> str:
        """Any customer of the population; a new id, never seen before, while there is none."""
        return self._any_customer().customer_id

    def unrecorded_fact(self, kind: Kind, customer_id: str, now_ms: int) -> Event:
        """A fact that is never repeated: one that is to be made faulty."""
        return self._fact(kind, Customer(customer_id), now_ms)

    def _any_customer(self) -> Customer:
        if not self._customers:
            return Customer(self.new_id())
        return self._customers[int(len(self._customers) * self.rng.random() ** 2)]

    def _fact(self, kind: Kind, customer: Customer, at_ms: int) -> Event:
        if kind is Kind.ORDER:
            event = order_event(self.rng, customer.customer_id, at_ms, self.new_id)
            customer.last_order_id = event.value["order_id"] if event.value else None
            return event
        about = customer.last_order_id if self.rng.random() < ABOUT_AN_ORDER_SHARE else None
        return activation_event(self.rng, customer.customer_id, at_ms, self.new_id, about)
