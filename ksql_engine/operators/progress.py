"""Stream time: how far the records of a task have come, which is what closes windows and ends their retention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ksql_engine.operators.base import Emit, Report
from ksql_engine.state.store import State
from ksql_engine.types import Row

NEVER = -1

Forget = Callable[[Row], None]
"""Takes the key of a row that is past its retention: it is no longer held, and readers are told nothing."""


class Current:
    """What operators may know of the record in hand beside its row."""

    def __init__(self) -> None:
        """Start before the first record."""
        self.partition = 0
        self.late = 0
        """How often a record came too late for a window, counted for each window, as Kafka Streams does."""


@dataclass(frozen=True)
class WindowLinks:
    """What a windowed operator is connected to."""

    emit: Emit
    report: Report
    forget: Forget
    current: Current


class _Times(NamedTuple):
    """A task's times: of records, of closed windows, and of the newest window."""

    seen: int
    closed: int
    newest: int


class StreamTime:
    """The times of each task of a windowed operator, in ms since the epoch or NEVER.

    A task reads one partition. After a repartitioning each task sees records of all partitions, so there is one.
    """

    def __init__(self, state: State, name: str, current: Current, *, shared: bool) -> None:
        """Keep the times in the store `name`; `shared` says that there is one task."""
        self._store = state.store(name)
        self._current = current
        self._shared = shared
        self._read: dict[int, _Times] = {}

    @property
    def task(self) -> int:
        """The task of the record in hand."""
        return 0 if self._shared else self._current.partition

    def observe(self, time: int) -> int:
        """Take a record's time in; return the greatest so far."""
        held = self._held()
        if time > held.seen:
            held = self._keep(held._replace(seen=time))
        return held.seen

    @property
    def closed(self) -> int:
        """The time up to which windows were closed."""
        return self._held().closed

    def close(self, time: int) -> None:
        """Note that windows are closed up to `time`."""
        self._keep(self._held()._replace(closed=time))

    @property
    def newest(self) -> int:
        """The greatest place of a window so far: retention counts back from it."""
        return self._held().newest

    def hold(self, place: int) -> None:
        """Take a window's place in time in: its start, or a session's end."""
        held = self._held()
        if place > held.newest:
            self._keep(held._replace(newest=place))

    def _held(self) -> _Times:
        held = self._read.get(self.task)
        if held is None:
            held = self._read[self.task] = _Times(*(self._store.get((self.task,)) or (NEVER, NEVER, NEVER)))
        return held

    def _keep(self, times: _Times) -> _Times:
        self._read[self.task] = times
        self._store.put((self.task,), tuple(times))
        return times
