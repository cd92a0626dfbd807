"""Stream time: how far the records of a task have come, which is what closes windows and ends their retention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class WindowLinks:
    """What a windowed operator is connected to."""

    emit: Emit
    report: Report
    forget: Forget
    current: Current


class StreamTime:
    """The times of each task of a windowed operator, in ms since the epoch or NEVER.

    A task reads one partition. After a repartitioning each task sees records of all partitions, so there is one.
    """

    def __init__(self, state: State, name: str, current: Current, *, shared: bool) -> None:
        """Keep the times in the store `name`; `shared` says that there is one task."""
        self._store = state.store(name)
        self._current = current
        self._shared = shared

    @property
    def task(self) -> int:
        """The task of the record in hand."""
        return 0 if self._shared else self._current.partition

    def observe(self, time: int) -> int:
        """Take a record's time in; return the greatest so far."""
        seen, closed, newest = self._held()
        if time > seen:
            seen = time
            self._store.put((self.task,), (seen, closed, newest))
        return seen

    @property
    def closed(self) -> int:
        """The time up to which windows were closed."""
        return self._held()[1]

    def close(self, time: int) -> None:
        """Note that windows are closed up to `time`."""
        seen, _, newest = self._held()
        self._store.put((self.task,), (seen, time, newest))

    @property
    def newest(self) -> int:
        """The greatest place of a window so far: retention counts back from it."""
        return self._held()[2]

    def hold(self, place: int) -> None:
        """Take a window's place in time in: its start, or a session's end."""
        seen, closed, newest = self._held()
        if place > newest:
            self._store.put((self.task,), (seen, closed, place))

    def _held(self) -> tuple[int, int, int]:
        held: tuple[int, int, int] = self._store.get((self.task,)) or (NEVER, NEVER, NEVER)
        return held
