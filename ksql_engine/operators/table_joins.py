"""Joins of tables: on their keys, any number at once; and of a table's column with another table's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ksql_engine.operators.base import Emit, Report, has_null
from ksql_engine.plan.model import ForeignJoinStep, TableJoinStep
from ksql_engine.state.store import State
from ksql_engine.types import Row

_TIMES_AT: Final = 2
"""Where the times of the rows begin in what is kept."""

Side = tuple[Row, int] | None
"""A table's current row with its time (ms), or None."""


def rows_store(name: str) -> str:
    """Return the store of a join: key to what `Joined` describes."""
    return f"{name}-rows"


def table_join_operators(
    step: TableJoinStep, emit: Emit, state: State, name: str, hold: Callable[[Emit], Emit]
) -> tuple[Emit, ...]:
    """Return one operator for each joined table; together they keep, for each key, the current row of every table.

    `hold` may hold changes back.
    """
    store, joined = state.store(rows_store(name)), Joined(step)

    def show(key: Row, kept: Row | None, time: int) -> None:
        emit(key, None if kept is None else joined.row(kept), time)

    changed = hold(show)

    def operator(place: int) -> Emit:
        change = joined.change_of(place)

        def process(key: Row, value: Row | None, time: int) -> None:
            before = store.get(key) or joined.nothing
            after = change(before, key, value, time)
            if after[_TIMES_AT : joined.columns_at] == joined.no_times:
                store.delete(key)
            else:
                store.put(key, after)
            if joined.exists(after) or joined.exists(before):
                changed(key, after, after[1])

        return process

    return tuple(operator(place) for place in range(len(step.inputs)))


class Joined:
    """What a join on keys keeps for a key, and the result of it.

    It is one flat row, which is read and written in half the time of rows within a row: the key, the greatest time,
    the time (ms) of each table's row, None where there is none, then the columns of all rows, nulls for missing ones.
    """

    def __init__(self, step: TableJoinStep) -> None:
        """Join as `step` says."""
        self._kinds, self._widths = step.kinds, step.widths
        self._all_left = all(kind == "LEFT" for kind in step.kinds)
        self.no_times: Row = (None,) * len(step.widths)
        self.columns_at = _TIMES_AT + len(step.widths)
        self.nothing: Row = (None,) * (self.columns_at + sum(step.widths))

    def change_of(self, place: int) -> Callable[[Row, Row, Row | None, int], Row]:
        """Return what makes, of what was kept, what is kept after a change of the table with this number."""
        columns_at, time_at = self.columns_at, _TIMES_AT + place
        start = columns_at + sum(self._widths[:place])
        end = start + self._widths[place]
        nulls = (None,) * self._widths[place]

        def change(before: Row, key: Row, value: Row | None, time: int) -> Row:
            own, columns = (None, nulls) if value is None else (time, value)
            times = (*before[_TIMES_AT:time_at], own, *before[time_at + 1 : columns_at])
            for other in times:
                if other is not None and other > time:
                    time = other
            return (key, time, *times, *before[columns_at:start], *columns, *before[end:])

        return change

    def exists(self, kept: Row) -> bool:
        """Tell whether there is a result."""
        return kept[_TIMES_AT] is not None if self._all_left else self._parts(kept) is not None

    def row(self, kept: Row) -> Row | None:
        """Return all rows as one, nulls where one has no part in it; None when there is no result."""
        if self._all_left:
            return kept[self.columns_at :] if kept[_TIMES_AT] is not None else None
        parts = self._parts(kept)
        if parts is None:
            return None
        out: list[object] = []
        start = self.columns_at
        for part, width in zip(parts, self._widths, strict=True):
            out += kept[start : start + width] if part else (None,) * width
            start += width
        return tuple(out)

    def _parts(self, kept: Row) -> Sequence[bool] | None:
        """Return which tables have a part in the result; None when there is none."""
        sides = [time is not None for time in kept[_TIMES_AT : self.columns_at]]
        there = sides[0]
        parts = [there]
        for side, kind in zip(sides[1:], self._kinds, strict=True):
            keep_left = there and (side or kind in ("LEFT", "FULL"))
            keep_right = side and (there or kind in ("RIGHT", "FULL"))
            if not keep_left:
                parts = [False] * len(parts)
            parts.append(keep_right)
            there = keep_left or keep_right
        return parts if there else None


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
