"""GROUP BY without windows: streams add; tables first take back what a row contributed before."""

from __future__ import annotations

from collections.abc import Callable

from ksql_engine.operators.base import Emit, Report
from ksql_engine.operators.fold import Contribution, Fold
from ksql_engine.plan.model import AggregateStep
from ksql_engine.state.store import State
from ksql_engine.types import Row


def aggregate_operator(
    step: AggregateStep, emit: Emit, report: Report, state: State, name: str, *, hold: Callable[[Emit], Emit]
) -> Emit:
    """Return the operator of a GROUP BY whose state has `name`; `hold` may hold changes of states back."""
    fold = Fold(step, report)

    def show(group: Row, states: Row | None, time: int) -> None:
        emit(group, None if states is None else fold.row(states), time)

    groups = _Groups(fold, hold(show), state, name)
    return _table_aggregate(groups, state, name) if step.table else _stream_aggregate(groups)


def groups_store(name: str) -> str:
    """Return the store of all groups: group key to (key, one state for each aggregate, greatest time)."""
    return f"{name}-groups"


class _Groups:
    """The state of all groups; changes go on as states."""

    def __init__(self, fold: Fold, emit: Emit, state: State, name: str) -> None:
        self.fold = fold
        self._store = state.store(groups_store(name))
        self._emit = emit

    def apply(self, group: Row, old: Row | None, new: Row | None, time: int) -> None:
        """Take old arguments back, add new ones, keep the states and pass them on."""
        held = self._store.get(group)
        if held is None:
            states = self.fold.initial
        else:
            _, states, last = held
            time = max(time, last)
        if old is not None:
            states = self.fold.undo(states, old)
        if new is not None:
            states = self.fold.add(states, new)
        self._store.put(group, (group, states, time))
        self._emit(group, states, time)

    def replace(self, old: Contribution | None, new: Contribution | None, time: int) -> None:
        """Take an old row back, then add a new one: in one step when the group is the same."""
        if old is not None and new is not None and old[0] == new[0]:
            self.apply(new[0], old[1], new[1], time)
            return
        if old is not None:
            self.apply(old[0], old[1], None, time)
        if new is not None:
            self.apply(new[0], None, new[1], time)


def _stream_aggregate(groups: _Groups) -> Emit:
    def process(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            return
        contribution = groups.fold.contribution(key, value)
        if contribution is not None:
            groups.apply(contribution[0], None, contribution[1], time)

    return process


def _table_aggregate(groups: _Groups, state: State, name: str) -> Emit:
    rows = state.store(f"{name}-rows")

    def process(key: Row, value: Row | None, time: int) -> None:
        old = rows.get(key)
        new = groups.fold.contribution(key, value) if value is not None else None
        if new is not None:
            rows.put(key, new)
        elif old is not None:
            rows.delete(key)
        groups.replace(old, new, time)

    return process
