"""Joins: of tables on their keys, any number at once; and of a stream with a table."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.operators.base import Emit, Report, has_null
from ksql_engine.plan.model import StreamTableJoinStep, TableJoinStep
from ksql_engine.state.store import State
from ksql_engine.types import Row

Side = tuple[Row, int] | None
"""A table's current row (key and value columns) with its time, or None."""


def table_join_operators(step: TableJoinStep, emit: Emit, state: State, name: str) -> list[Emit]:
    """Return one operator for each joined table; together they keep, for each key, the current row of every table."""
    store = state.store(f"{name}-rows")
    count, kinds, widths = len(step.inputs), step.kinds, step.widths

    def operator(place: int) -> Emit:
        def process(key: Row, value: Row | None, time: int) -> None:
            before: tuple[Side, ...] = store.get(key) or (None,) * count
            side = None if value is None else (key + value, time)
            after = (*before[:place], side, *before[place + 1 :])
            if any(held is not None for held in after):
                store.put(key, after)
            else:
                store.delete(key)
            if joined(after, kinds):
                times = [held[1] for held in after if held is not None]
                emit(key, side_by_side(after, widths), max(time, *times))
            elif joined(before, kinds):
                emit(key, None, time)

        return process

    return [operator(place) for place in range(count)]


def joined(rows: Sequence[Side], kinds: Sequence[str]) -> bool:
    """Tell whether these rows give a result: the first is there, and so is each that is joined INNER."""
    if rows[0] is None:
        return False
    return all(row is not None for row, kind in zip(rows[1:], kinds, strict=True) if kind == "INNER")


def side_by_side(rows: Sequence[Side], widths: Sequence[int]) -> Row:
    """Return all rows as one, nulls where a row is missing."""
    out: list[object] = []
    for row, width in zip(rows, widths, strict=True):
        out.extend(row[0] if row is not None else (None,) * width)
    return tuple(out)


def stream_table_operators(
    step: StreamTableJoinStep, emit: Emit, report: Report, state: State, name: str
) -> tuple[Emit, Emit]:
    """Return the operators of the stream side and of the table side."""
    store = state.store(f"{name}-table")
    missing = (None,) * step.table_width

    def stream(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            return
        join_key = step.key(key, value, report)
        if has_null(join_key) is not None:
            return
        found: Row | None = store.get(join_key)
        if found is not None or step.kind == "LEFT":
            emit(join_key, key + value + (found if found is not None else missing), time)

    def table(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            store.delete(key)
        else:
            store.put(key, key + value)

    return stream, table
