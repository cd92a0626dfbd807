"""Waits: for a condition, until a deadline on the monotonic clock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

POLL_S = 0.1


@dataclass(frozen=True)
class Deadline:
    """A point of the monotonic clock, `seconds` after the object was made."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until it passes, never below 0."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    @property
    def elapsed(self) -> float:
        """Seconds since it was set."""
        return time.monotonic() - self.started


def wait_until(
    condition: Callable[[], bool], seconds: float, *, cancel: threading.Event | None = None, poll_s: float = POLL_S
) -> bool:
    """Ask `condition` until it is true. Returns False when `seconds` have passed or `cancel` was set."""
    deadline = Deadline(seconds)
    cancel = cancel or threading.Event()
    while not condition():
        if deadline.left == 0 or cancel.wait(min(poll_s, deadline.left)):
            return False
    return True
