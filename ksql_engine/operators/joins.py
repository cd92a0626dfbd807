"""What all joins share, the sides that come into them, and the lookup of a stream's rows in a table."""

from __future__ import annotations

from ksql_engine.operators.base import Emit, Report
from ksql_engine.plan.model import SideStep, StreamTableJoinStep
from ksql_engine.state.store import State
from ksql_engine.types import Row


def side_operator(step: SideStep, emit: Emit, report: Report) -> Emit:
    """Return the operator that makes rows ready for a join: whole, and under the key they are joined on."""
    whole, make_key, table = step.whole, step.key, step.table

    def process(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            if table:
                emit(key, None, time)
            return
        row = key + value if whole else value
        joined = key if make_key is None else make_key(key, row, report)
        if None not in joined:
            emit(joined, row, time)

    return process


def stream_table_operators(step: StreamTableJoinStep, emit: Emit, state: State, name: str) -> tuple[Emit, Emit]:
    """Return the operators of the stream side and of the table side."""
    store = state.store(f"{name}-table")
    missing = (None,) * step.table_width

    def stream(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            return
        found: Row | None = store.get(key)
        if found is not None or step.kind == "LEFT":
            emit(key, value + (found if found is not None else missing), time)

    def table(key: Row, value: Row | None, _time: int) -> None:
        if value is None:
            store.delete(key)
        else:
            store.put(key, value)

    return stream, table
