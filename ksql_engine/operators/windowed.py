"""What operators of all kinds of windows have in common: groups, an index of them by time, and their retention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ksql_engine.operators.fold import Contribution, Fold
from ksql_engine.operators.progress import StreamTime, WindowLinks
from ksql_engine.plan.model import AggregateStep, Windowing
from ksql_engine.state.store import State
from ksql_engine.types import Row


class WindowedGroups:
    """The windows of all groups, an index of them by a task and a time, and how far each task has come."""

    def __init__(self, step: AggregateStep, windowing: Windowing, links: WindowLinks, state: State, name: str) -> None:
        """Keep the windows in stores whose names begin with `name`."""
        self._fold = Fold(step, links.report)
        self._windowing, self._links = windowing, links
        self._groups = state.store(f"{name}-groups")
        self._index = state.store(f"{name}-index")
        self._times = StreamTime(state, f"{name}-times", links.current, shared=windowing.repartitioned)
        self._oldest: dict[int, int] = {}

    def process(self, key: Row, value: Row | None, time: int) -> None:
        """Take a record in; one without a value or without a group counts nowhere."""
        contribution = self._fold.contribution(key, value) if value is not None else None
        if contribution is not None:
            self._take(contribution, time)

    def _take(self, contribution: Contribution, time: int) -> None:
        raise NotImplementedError

    def _past(self, oldest: int) -> Iterator[Any]:
        """Yield from the index, once, what the task in hand has before the time `oldest`."""
        task = self._times.task
        before = self._oldest.get(task, 0)
        if oldest > before:
            self._oldest[task] = oldest
            yield from self._index.scan_range((task, before), (task, oldest))
