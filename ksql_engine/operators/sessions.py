"""GROUP BY with sessions: records of a group without a gap between them; a record within the gap of two joins them."""

from __future__ import annotations

from typing import Final, NamedTuple

from ksql_engine.operators.base import Emit
from ksql_engine.operators.fold import Contribution
from ksql_engine.operators.progress import WindowLinks
from ksql_engine.operators.windowed import WindowedGroups
from ksql_engine.plan.model import AggregateStep, Windowing
from ksql_engine.state.store import State
from ksql_engine.types import Row

_FOREVER: Final = (1 << 63) - 1


class _Session(NamedTuple):
    """A session from its first to its last record's time, with the states of its aggregates."""

    start: int
    end: int
    states: Row


def session_operator(step: AggregateStep, windowing: Windowing, links: WindowLinks, state: State, name: str) -> Emit:
    """Return the operator of a GROUP BY with SESSION windows whose state has `name`."""
    return _Sessions(step, windowing, links, state, name).process


class _Sessions(WindowedGroups):
    """The sessions of all groups: (group, end, start) to the session, and an index of them by end."""

    def _take(self, contribution: Contribution, time: int) -> None:
        group, args = contribution
        closed = self._times.observe(time) - self._windowing.grace - self._windowing.length
        near = self._near(group, time)
        start = min([time, *(session.start for session in near)])
        end = max([time, *(session.end for session in near)])
        if end >= closed:
            states = self._fold.initial
            for session in near:
                states = self._fold.merge(states, session.states)
            self._replace(group, near, _Session(start, end, self._fold.add(states, args)))
        else:
            self._links.current.late += 1
        if self._windowing.final:
            self._emit_closed(closed)
        self._expire()

    def _near(self, group: Row, time: int) -> list[_Session]:
        """Return the group's sessions within the gap of `time`, by their end."""
        gap = self._windowing.length
        found = self._groups.scan_range((*group, time - gap), (*group, _FOREVER))
        return [_Session(*held) for held in found if held[0] <= time + gap]

    def _replace(self, group: Row, old: list[_Session], new: _Session) -> None:
        """Put `new` in the place of `old`; readers see each of these deleted unless `new` has the same bounds."""
        for session in old:
            if session[:2] != new[:2] or session.start != session.end:
                self._remove(group, session)
        self._groups.put((*group, new.end, new.start), tuple(new))
        self._index.put((self._times.task, new.end, new.start, *group), (group, new.start, new.end))
        self._times.hold(new.end)
        if not self._windowing.final:
            self._links.emit((*group, new.start, new.end), self._fold.row(new.states), new.end)

    def _remove(self, group: Row, session: _Session) -> None:
        self._groups.delete((*group, session.end, session.start))
        self._index.delete((self._times.task, session.end, session.start, *group))
        if not self._windowing.final:
            self._links.emit((*group, session.start, session.end), None, session.end)

    def _emit_closed(self, closed: int) -> None:
        """Emit the sessions that closed since the last time, by end and then start and group."""
        before = self._times.closed
        lower = max(0, before)
        if before >= closed or closed <= lower:
            return
        task = self._times.task
        for group, start, end in self._index.scan_range((task, lower), (task, closed)):
            states = self._groups.get((*group, end, start))[2]
            self._links.emit((*group, start, end), self._fold.row(states), end)
        self._times.close(closed)

    def _expire(self) -> None:
        """Drop what is past its retention, which no session is that can still grow."""
        for group, start, end in self._past(self._times.newest - self._windowing.retention):
            self._index.delete((self._times.task, end, start, *group))
            self._groups.delete((*group, end, start))
            self._links.forget((*group, start, end))
