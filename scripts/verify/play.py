"""Plays the story through the page and measures each hop, on this process's monotonic clock."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scripts.verify.agree import Wanted, missing_all, missing_gold, missing_live, missing_numbers
from scripts.verify.client import Page
from scripts.verify.errors import ViewMissing
from scripts.verify.story import STORY, Step
from scripts.verify.watch import Watcher


@dataclass(frozen=True)
class Hops:
    """Seconds from the click to: the page's answer, the numbers live, everything live, the numbers gold, all gold.

    None where it did not come in time.
    """

    acknowledged: float
    live: float | None = None
    live_settled: float | None = None
    gold: float | None = None
    gold_settled: float | None = None


@dataclass(frozen=True)
class Played:
    """A step, its hops, and what is missing."""

    step: Step
    hops: Hops
    missing: list[str] = field(default_factory=list)


class Player:
    """Plays steps for one customer, who is created by the first of them."""

    def __init__(self, page: Page, watcher: Watcher, deadline_s: float) -> None:
        self._page = page
        self._watcher = watcher
        self._deadline_s = deadline_s
        self.customer_id = ""
        self._first_order_at_ms: int | None = None
        self._last_order_at_ms: int | None = None

    def play(self, step: Step) -> Played:
        """Do one step and wait for the views.

        Raises:
            ActionFailed: the page refused the step.
            PageDown: the page does not answer.
        """
        clicked = self._watcher.clock()
        event_id = self._click(step)
        acknowledged = self._watcher.clock() - clicked
        wanted = Wanted(step.expected, event_id, self._first_order_at_ms, self._last_order_at_ms)
        goals = {
            "live": partial(missing_numbers, view="live", wanted=wanted),
            "live_settled": partial(missing_live, wanted=wanted),
            "gold": partial(missing_numbers, view="gold", wanted=wanted),
            "gold_settled": partial(missing_gold, wanted=wanted),
            "all at once": partial(missing_all, wanted=wanted),
        }
        reached, missing = self._watcher.wait(self.customer_id, goals, self._deadline_s)
        hops = {name: at - clicked for name, at in reached.items() if name != "all at once"}
        return Played(step, Hops(acknowledged, **hops), missing)

    def _click(self, step: Step) -> str:
        """Do the step; the id of its event."""
        if step.items:
            answer = self._page.order(self.customer_id, step.body)
            self._note_order(answer)
        elif step.engagement:
            answer = self._page.engage(self.customer_id, step.body)
        else:
            answer = self._page.create(step.body)
            self.customer_id = answer["customer_id"]
        return str(answer["event_id"])

    def _note_order(self, answer: dict[str, Any]) -> None:
        placed = int(answer["event"]["placed_at_ms"])
        first, last = self._first_order_at_ms, self._last_order_at_ms
        self._first_order_at_ms = placed if first is None else min(first, placed)
        self._last_order_at_ms = placed if last is None else max(last, placed)


def play_story(page: Page, deadline_s: float) -> tuple[str, list[Played]]:
    """Play the whole story; stop at the first step whose views do not come to agree.

    Returns:
        the customer's id, and the steps played.
    """
    played: list[Played] = []
    with Watcher(page) as watcher:
        player = Player(page, watcher, deadline_s)
        for step in STORY:
            played.append(player.play(step))
            if played[-1].missing:
                break
        return player.customer_id, played


def play_orders(page: Page, count: int, deadline_s: float) -> tuple[str, list[Hops]]:
    """Create a customer, then `count` single orders, each waiting for its gold view.

    Returns:
        the customer's id, and the hops of each order in turn.

    Raises:
        ViewMissing: an order did not come round within `deadline_s` seconds.
    """
    hops: list[Hops] = []
    with Watcher(page) as watcher:
        runner = OrderRunner(page, watcher, deadline_s)
        for number in range(1, count + 1):
            hops.append(runner.order(number))
        return runner.customer_id, hops


class OrderRunner:
    """Single orders of $1.00 for one customer of its own."""

    def __init__(self, page: Page, watcher: Watcher, deadline_s: float) -> None:
        self._page, self._watcher, self._deadline_s = page, watcher, deadline_s
        player = Player(page, watcher, deadline_s)
        created = player.play(STORY[0])
        if created.missing:
            raise ViewMissing(f"the new customer {player.customer_id}: {'; '.join(created.missing)}")
        self.customer_id = player.customer_id

    def order(self, number: int) -> Hops:
        """Place order `number` and wait for live and gold view."""
        clicked = self._watcher.clock()
        answer = self._page.order(self.customer_id, {"items": [{"sku": "PIN-04", "quantity": 1, "price_cents": 100}]})
        acknowledged = self._watcher.clock() - clicked
        event_id = str(answer["event_id"])
        goals = {view: partial(missing_order, view=view, number=number, event_id=event_id) for view in ("live", "gold")}
        reached, missing = self._watcher.wait(self.customer_id, goals, self._deadline_s)
        if missing:
            raise ViewMissing(f"order {number} of customer {self.customer_id}: {'; '.join(missing)}")
        return Hops(acknowledged, live=reached["live"] - clicked, gold=reached["gold"] - clicked)


def missing_order(customer: Any, view: str, number: int, event_id: str) -> list[str]:
    """What `view` lacks of the customer's `number` orders of $1.00, the newest of which is event `event_id`."""
    row = (customer.get(view) or {}).get("row") or {}
    wanted = {"order_count": number, "lifetime_value_cents": number * 100, "last_event_id": event_id}
    return [
        f"{view} view: {name} is {row.get(name)!r}, expected {value!r}"
        for name, value in wanted.items()
        if row.get(name) != value
    ]
