"""Spreads a run's records evenly over time, by the clock."""

from collections.abc import Callable

BATCH = 500
MAX_BEHIND_S = 2.0
MAX_WAIT_S = 0.2


class Pacer:
    """Says how many records are due now.

    A run that falls behind for long (a broker that is away) goes on at its rate and does not make up for it with a
    burst: what is more than `MAX_BEHIND_S` late is left out.

    Args:
        rate: records per second; 0 for as fast as possible.
        duration_s: how long the run takes; 0 for without end.
        clock: seconds, from any start, never backwards.
    """

    def __init__(self, rate: float, duration_s: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._duration_s = duration_s
        self._clock = clock
        self._started = clock()
        self._sent = 0
        self._left_out = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._started

    def due(self) -> int:
        """How many records are to be sent now."""
        elapsed_s = self.elapsed_s
        if not self._rate:
            return 0 if self._duration_s and elapsed_s >= self._duration_s else BATCH
        if self._duration_s:
            elapsed_s = min(elapsed_s, self._duration_s)
        due = int(elapsed_s * self._rate) - self._sent - self._left_out
        too_late = due - max(1, int(MAX_BEHIND_S * self._rate))
        if too_late > 0:
            self._left_out += too_late
            due -= too_late
        return max(0, due)

    def sent(self, records: int) -> None:
        """Count what was sent."""
        self._sent += records

    def is_over(self) -> bool:
        """Whether the run's time is over and nothing more is due."""
        return bool(self._duration_s) and self.elapsed_s >= self._duration_s and not self.due()

    def wait_s(self) -> float:
        """Seconds until the next record is due, at most `MAX_WAIT_S`."""
        if not self._rate:
            return 0.0
        next_at_s = (self._sent + self._left_out + 1) / self._rate
        return min(MAX_WAIT_S, max(0.0, next_at_s - self.elapsed_s))
