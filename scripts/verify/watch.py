"""Waiting for a customer's views: woken by the event stream, never longer than a short while without looking."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from scripts.verify.agree import Customer
from scripts.verify.client import Page

LOOK_AT_LEAST_EVERY_S = 0.25
LOOK_WITHOUT_STREAM_S = 0.02


class Watcher:
    """Follows the page's event stream in a thread, and says when a customer's views agree.

    `clock` gives monotonic seconds.
    """

    def __init__(self, page: Page, clock: Callable[[], float] = time.monotonic) -> None:
        self._page = page
        self.clock = clock
        self._changed = threading.Condition()
        self._changes: dict[str, int] = {}
        self._streaming = False
        self._stop = False
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True  # the thread is a daemon that waits for the next line of the stream

    def wait(
        self, customer_id: str, missing: Mapping[str, Callable[[Customer], list[str]]], deadline_s: float
    ) -> tuple[dict[str, float], list[str]]:
        """Wait until nothing is missing.

        Args:
            missing: name of a goal → what the customer lacks of it.

        Returns:
            name → time by `clock` at which the goal was first seen reached, and what is still missing after
            `deadline_s` seconds.
        """
        until = self.clock() + deadline_s
        reached: dict[str, float] = {}
        while True:
            seen = self._seen(customer_id)
            customer = self._page.customer(customer_id)
            now = self.clock()
            lacking = {name: lacks(customer) for name, lacks in missing.items()}
            reached.update({name: now for name, lacks in lacking.items() if not lacks and name not in reached})
            if not any(lacking.values()):
                return reached, []
            if now >= until:
                return reached, list(dict.fromkeys(text for texts in lacking.values() for text in texts))
            self._wait_for_change(customer_id, seen, until - now)

    def _seen(self, customer_id: str) -> int:
        with self._changed:
            return self._changes.get(customer_id, 0) + self._changes.get("", 0)

    def _wait_for_change(self, customer_id: str, seen: int, at_most_s: float) -> None:
        with self._changed:
            pause = LOOK_AT_LEAST_EVERY_S if self._streaming else LOOK_WITHOUT_STREAM_S
            self._changed.wait_for(
                lambda: self._changes.get(customer_id, 0) + self._changes.get("", 0) > seen, min(pause, at_most_s)
            )

    def _follow(self) -> None:
        """Count the changes of each customer; "" counts those that may concern any."""
        while not self._stop:
            for line in self._page.events():
                if self._stop:
                    return
                self._note(line)
            with self._changed:
                self._streaming = False
                self._changed.wait(LOOK_AT_LEAST_EVERY_S)

    def _note(self, line: str) -> None:
        customer_id = ""
        if line.startswith("data:"):
            customer_id = _customer_id(line.removeprefix("data:"))
        elif line:
            return
        with self._changed:
            first, self._streaming = not self._streaming, True
            if line or first:
                self._changes[customer_id] = self._changes.get(customer_id, 0) + 1
                self._changed.notify_all()


def _customer_id(data: str) -> str:
    try:
        found: Any = json.loads(data)
    except ValueError:
        return ""
    return str(found.get("customer_id", "")) if isinstance(found, dict) else ""
