"""Joins of tables: on their keys, any number at once; and of a table's column with another table's key."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.operators.base import Emit, Report, has_null
from ksql_engine.plan.model import ForeignJoinStep, TableJoinStep
from ksql_engine.state.store import State
from ksql_engine.types import Row

Side = tuple[Row, int] | None
"""A table's current row with its time (ms), or None."""


def table_join_operators(step: TableJoinStep, emit: Emit, state: State, name: str) -> tuple[Emit, ...]:
    """Return one operator for each joined table; together they keep, for each key, the current row of every table."""
    store = state.store(f"{name}-rows")
    count, kinds, widths = len(step.inputs), step.kinds, step.widths

    def operator(place: int) -> Emit:
        def process(key: Row, value: Row | None, time: int) -> None:
            before: tuple[Side, ...] = store.get(key) or (None,) * count
            side = None if value is None else (value, time)
            after = (*before[:place], side, *before[place + 1 :])
            if any(held is not None for held in after):
                store.put(key, after)
            else:
                store.delete(key)
            result = joined(after, kinds)
            latest = max([time, *(held[1] for held in after if held is not None)])
            if result is not None:
                emit(key, side_by_side(result, widths), latest)
            elif joined(before, kinds) is not None:
                emit(key, None, latest)

        return process

    return tuple(operator(place) for place in range(count))


def joined(rows: Sequence[Side], kinds: Sequence[str]) -> list[Side] | None:
    """Return the rows of the result, each None where its table has no part in it; None when there is no result."""
    result: list[Side] = [rows[0]]
    there = rows[0] is not None
    for row, kind in zip(rows[1:], kinds, strict=True):
        keep_left = there and (row is not None or kind in ("LEFT", "FULL"))
        keep_right = row is not None and (there or kind in ("RIGHT", "FULL"))
        if not keep_left:
            result = [None] * len(result)
        result.append(row if keep_right else None)
        there = keep_left or keep_right
    return result if there else None


def side_by_side(rows: Sequence[Side], widths: Sequence[int]) -> Row:
    """Return all rows as one, nulls where a row is missing."""
    out: list[object] = []
    for row, width in zip(rows, widths, strict=True):
        out.extend(row[0] if row is not None else (None,) * width)
    return tuple(out)


class _ForeignJoin:
    """The state of a foreign-key join: left rows by their key, right rows by theirs, and which left rows name which.

    `links` maps (right key, left key) to the left key, so all left rows of a right row are a scan of its key.
    """

    def __init__(self, step: ForeignJoinStep, emit: Emit, report: Report, state: State, name: str) -> None:
        self._step, self._emit, self._report = step, emit, report
        self._lefts = state.store(f"{name}-left")
        self._rights = state.store(f"{name}-right")
        self._links = state.store(f"{name}-links")
        self._outer = step.kind == "LEFT"
        self._missing = (None,) * step.right_width

    def left(self, key: Row, value: Row | None, time: int) -> None:
        """Take a change of a left row in."""
        before = self._lefts.get(key)
        old = None if before is None else before[2]
        new = None if value is None else self._foreign(key, value)
        if old is not None and old != new:
            self._links.delete((old, key))
        if new is not None:
            self._links.put((new, key), key)
        if value is None:
            self._lefts.delete(key)
        else:
            self._lefts.put(key, (value, time, new))
        # Whether the old row had a partner is not looked up, as in Kafka Streams: a deletion more does no harm.
        known = before is not None and (self._outer or old is not None)
        self._result(key, (value, time, new), self._right(new), time, known)

    def right(self, key: Row, value: Row | None, time: int) -> None:
        """Take a change of a right row in: it is one of all left rows that name it."""
        before = self._rights.get(key)
        if value is None:
            self._rights.delete(key)
        else:
            self._rights.put(key, (value, time))
        after = self._rights.get(key)
        if before is None and after is None:
            return
        for left_key in self._links.scan_prefix((key,)):
            left = self._lefts.get(left_key)
            self._result(left_key, left, after, time, self._outer or before is not None)

    def _foreign(self, key: Row, value: Row) -> Row | None:
        """Return the right key a left row names, None when it names none."""
        found = self._step.foreign(key, value, self._report)
        return found if has_null(found) is None else None

    def _right(self, foreign: Row | None) -> Side:
        found: Side = self._rights.get(foreign) if foreign is not None else None
        return found

    def _result(self, key: Row, left: tuple[Row | None, int, Row | None], right: Side, time: int, known: bool) -> None:
        value, left_time, _ = left
        time = max(time, left_time, right[1] if right is not None else time)
        if value is not None and (right is not None or self._outer):
            self._emit(key, value + (right[0] if right is not None else self._missing), time)
        elif known:
            self._emit(key, None, time)


def foreign_join_operators(
    step: ForeignJoinStep, emit: Emit, report: Report, state: State, name: str
) -> tuple[Emit, Emit]:
    """Return the operators of the left table and of the right table."""
    join = _ForeignJoin(step, emit, report, state, name)
    return join.left, join.right
