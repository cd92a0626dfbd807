"""When a query commits: soon while it keeps up with its input, seldom while it is behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

BATCHES_IN_HAND: Final = 10
CHANGES_IN_HAND: Final = 15_000
_REST: Final = 2.0


class Pace:
    """The times of one query's commits.

    Keeping up, a query rests twice as long as its last commit took: a single event passes without waiting, and commits
    take a third of the time at most. Behind, it commits once in `interval` seconds, so that more changes of a key are
    put together, or earlier when much is in hand.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now; `clock` gives seconds."""
        self._interval, self._clock = interval, clock
        self._began = self._last = clock()
        self.next_commit = 0.0

    def committing(self) -> None:
        """Note that a commit begins."""
        self._began = self._clock()

    def committed(self) -> None:
        """Note that it ended."""
        self._last = self._clock()
        self.next_commit = self._last + min(_REST * (self._last - self._began), self._interval)

    def can_wait(self, batches: int, changes: int) -> bool:
        """Tell whether the commit of so many batches, with so many changed keys, may wait for further ones.

        Changed keys are held in memory, 1 to 2 kB for each; where they are many, few are changed again by waiting.
        """
        is_little = batches < BATCHES_IN_HAND and changes < CHANGES_IN_HAND
        return is_little and self._clock() - self._last < self._interval
