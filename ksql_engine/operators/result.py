"""Where the rows of a table query are kept for pull queries: in the state of its last step, or in a store of their own.

An aggregate or a join on keys has all that its rows are made of, so they are made again when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ksql_engine.operators.aggregate import groups_store
from ksql_engine.operators.base import Emit
from ksql_engine.operators.fold import Fold
from ksql_engine.operators.table_joins import Joined, rows_store
from ksql_engine.plan.model import AggregateStep, ProjectStep, QueryPlan
from ksql_engine.plan.shape import keeping_step
from ksql_engine.state.store import State, Store
from ksql_engine.types import Row

RESULT: Final = "result"

_FIRST: Final = "{}-1"
"""The name of the last step's state: steps are named from the sink to the sources."""

Entry = tuple[Row, Row, int]
"""A row as it is kept: key, value, time (ms since the epoch)."""


def kept_rows(plan: QueryPlan) -> tuple[str, Callable[[Any], Entry | None]]:
    """Return the store that has a table's rows, and what makes a row of a value there, None where there is none."""
    step = keeping_step(plan)
    if step is None or not isinstance(plan.step, ProjectStep):
        return RESULT, _itself
    project = plan.step.value
    if isinstance(step, AggregateStep):
        fold = Fold(step, _ignore)

        def group_row(held: tuple[Row, Row, int]) -> Entry:
            group, states, time = held
            return group, project(group, fold.row(states), _ignore), time

        return groups_store(_FIRST.format("aggregate")), group_row
    joined = Joined(step)

    def joined_row(held: Row) -> Entry | None:
        value = joined.row(held)
        return None if value is None else (held[0], project(held[0], value, _ignore), held[1])

    return rows_store(_FIRST.format("join")), joined_row


def _itself(held: Entry) -> Entry:
    return held


def _ignore(_message: str, _error: Exception) -> None:
    """A client sees null where an expression has no value; the query has reported it."""


class TableResult:
    """The store of a query's rows. A deletion passes if its row was there, or if `every_deletion` passes."""

    def __init__(self, emit: Emit, state: State, every_deletion: bool) -> None:
        """Pass changes to `emit` and keep rows in the store RESULT of `state`."""
        self._emit = emit
        self._store: Store = state.store(RESULT)
        self._every_deletion = every_deletion

    def process(self, key: Row, value: Row | None, time: int) -> None:
        """Take a change in."""
        if value is not None:
            self._store.put(key, (key, value, time))
        elif self._store.get(key) is not None:
            self._store.delete(key)
        elif not self._every_deletion:
            return
        self._emit(key, value, time)

    def forget(self, key: Row) -> None:
        """Drop a row that is past its retention."""
        self._store.delete(key)
