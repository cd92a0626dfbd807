"""GROUP BY with time windows: each record counts in every window over its time that is still open."""

from __future__ import annotations

from ksql_engine.operators.base import Emit
from ksql_engine.operators.fold import Contribution
from ksql_engine.operators.progress import NEVER, WindowLinks
from ksql_engine.operators.windowed import WindowedGroups
from ksql_engine.plan.model import AggregateStep, Windowing
from ksql_engine.state.store import State
from ksql_engine.types import Row


def time_window_operator(
    step: AggregateStep, windowing: Windowing, links: WindowLinks, state: State, name: str
) -> Emit:
    """Return the operator of a GROUP BY with TUMBLING or HOPPING windows whose state has `name`."""
    return _TimeWindows(step, windowing, links, state, name).process


class _TimeWindows(WindowedGroups):
    """The windows of all groups: (group, start) to (states, greatest time), and an index of them by start."""

    def __init__(self, step: AggregateStep, windowing: Windowing, links: WindowLinks, state: State, name: str) -> None:
        super().__init__(step, windowing, links, state, name)
        self._size, self._advance = windowing.length, windowing.advance

    def _take(self, contribution: Contribution, time: int) -> None:
        closed = self._times.observe(time) - self._windowing.grace
        for start in self._starts(time):
            if start + self._size > closed:
                self._add(contribution, start, time)
            else:
                self._links.current.late += 1
        self._expire()
        if self._windowing.final:
            self._emit_closed(closed)

    def _starts(self, time: int) -> range:
        first = max(0, time - self._size + self._advance) // self._advance * self._advance
        return range(first, time + 1, self._advance)

    def _add(self, contribution: Contribution, start: int, time: int) -> None:
        group, args = contribution
        held = self._groups.get((*group, start))
        if held is None:
            held = (self._fold.initial, time)
            self._index.put((self._times.task, start, *group), (group, start))
            self._times.hold(start)
        states, time = self._fold.add(held[0], args), max(held[1], time)
        self._groups.put((*group, start), (states, time))
        if not self._windowing.final:
            self._emit(group, start, states, time)

    def _emit(self, group: Row, start: int, states: Row, time: int) -> None:
        self._links.emit((*group, start, start + self._size), self._fold.row(states), time)

    def _expire(self) -> None:
        """Drop what is past its retention; a final result that is not out by then never comes, as in Kafka Streams."""
        oldest = self._times.newest - self._windowing.retention + (0 if self._windowing.final else 1)
        for group, start in self._past(oldest):
            self._index.delete((self._times.task, start, *group))
            self._groups.delete((*group, start))
            self._links.forget((*group, start, start + self._size))

    def _emit_closed(self, closed: int) -> None:
        """Emit the windows that closed since the last time, by start and then group."""
        before, upper = self._times.closed, closed - self._size
        if before >= closed or upper < 0:
            return
        lower = 0 if before == NEVER else max(0, before - self._size) + 1
        if upper // self._advance * self._advance < lower:
            return
        task = self._times.task
        for group, start in self._index.scan_range((task, lower), (task, upper + 1)):
            states, time = self._groups.get((*group, start))
            self._emit(group, start, states, time)
        self._times.close(closed)
