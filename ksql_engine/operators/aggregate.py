"""GROUP BY: streams add; tables first take back what a row contributed before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksql_engine.errors import EvaluationError
from ksql_engine.operators.base import Emit, Report, has_null
from ksql_engine.plan.model import AggregateStep
from ksql_engine.state.store import State
from ksql_engine.types import Row

_NULL_GROUP = "Group-by column with index {} resolved to null. The source row will be excluded from the table."


def aggregate_operator(step: AggregateStep, emit: Emit, report: Report, state: State, name: str) -> Emit:
    """Return the operator of a GROUP BY whose state has `name`."""
    groups = _Groups(step, emit, report, state, name)
    return _table_aggregate(step, groups, state, name) if step.table else _stream_aggregate(groups)


class _Groups:
    """The state of all groups: group key to (key, one state for each aggregate, greatest time)."""

    def __init__(self, step: AggregateStep, emit: Emit, report: Report, state: State, name: str) -> None:
        self._store = state.store(f"{name}-groups")
        self._group, self._args = step.group, step.args
        self._emit, self._report = emit, report
        self._initial = tuple(aggregator.initial for aggregator in step.aggregators)
        self._adds = [aggregator.add for aggregator in step.aggregators]
        self._undos = [aggregator.undo for aggregator in step.aggregators]
        self._results = [aggregator.result for aggregator in step.aggregators]
        self._slots = step.slots

    def contribution(self, key: Row, value: Row) -> tuple[Row, Row] | None:
        """Return (group, argument of each aggregate) of a row, or None when a grouping value is null."""
        group = self._group(key, value, self._report)
        place = has_null(group)
        if place is not None:
            message = _NULL_GROUP.format(place)
            self._report(message, EvaluationError(message))
            return None
        args = self._args(key, value, self._report)
        return group, tuple([_argument(args, start, count) for start, count in self._slots])

    def apply(self, group: Row, changes: list[tuple[list[Any], Row]], time: int) -> None:
        """Run (functions, arguments) over a group's states, keep them and emit the group's row."""
        held = self._store.get(group)
        _, states, last = held if held is not None else (group, self._initial, time)
        for functions, args in changes:
            states = tuple(
                [self._step(change, state, arg) for change, state, arg in zip(functions, states, args, strict=True)]
            )
        time = max(last, time)
        self._store.put(group, (group, states, time))
        row = tuple([state if show is None else show(state) for show, state in zip(self._results, states, strict=True)])
        self._emit(group, row, time)

    def _step(self, change: Callable[[Any, Any], Any], state: Any, arg: Any) -> Any:
        try:
            return change(state, arg)
        except Exception as error:
            self._report("Error computing an aggregate", error)
            return state

    def add(self, contribution: tuple[Row, Row], time: int) -> None:
        """Add a row to its group."""
        self.apply(contribution[0], [(self._adds, contribution[1])], time)

    def replace(self, old: tuple[Row, Row] | None, new: tuple[Row, Row] | None, time: int) -> None:
        """Take an old row back, then add a new one: in one step when the group is the same."""
        if old is not None and new is not None and old[0] == new[0]:
            self.apply(new[0], [(self._undos, old[1]), (self._adds, new[1])], time)
            return
        if old is not None:
            self.apply(old[0], [(self._undos, old[1])], time)
        if new is not None:
            self.add(new, time)


def _argument(args: Row, start: int, count: int) -> Any:
    if count == 1:
        return args[start]
    return None if count == 0 else args[start : start + count]


def _stream_aggregate(groups: _Groups) -> Emit:
    def process(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            return
        contribution = groups.contribution(key, value)
        if contribution is not None:
            groups.add(contribution, time)

    return process


def _table_aggregate(step: AggregateStep, groups: _Groups, state: State, name: str) -> Emit:
    rows = state.store(f"{name}-rows")

    def process(key: Row, value: Row | None, time: int) -> None:
        old = rows.get(key)
        new = groups.contribution(key, value) if value is not None else None
        if new is not None:
            rows.put(key, new)
        elif old is not None:
            rows.delete(key)
        groups.replace(old, new, time)

    return process
