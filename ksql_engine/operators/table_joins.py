"""Joins of tables: on their keys, any number at once; and of a table's column with another table's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ksql_engine.operators.base import Emit, Report, has_null
from ksql_engine.plan.model import ForeignJoinStep, TableJoinStep
from ksql_engine.state.store import State
from ksql_engine.types import Row

Side = tuple[Row, int] | None
"""A table's current row with its time (ms), or None."""


Sides = tuple[Side, ...]
"""The current row of every joined table."""


def rows_store(name: str) -> str:
    """Return the store of a join: key to (key, sides, greatest time)."""
    return f"{name}-rows"


def table_join_operators(
    step: TableJoinStep, emit: Emit, state: State, name: str, hold: Callable[[Emit], Emit]
) -> tuple[Emit, ...]:
    """Return one operator for each joined table; together they keep, for each key, the current row of every table.

    `hold` may hold changes of sides back.
    """
    store, joined = state.store(rows_store(name)), Joined(step)
    none: Sides = (None,) * len(step.inputs)

    def show(key: Row, sides: Row | None, time: int) -> None:
        emit(key, None if sides is None else joined.row(sides), time)

    changed = hold(show)

    def operator(place: int) -> Emit:
        def process(key: Row, value: Row | None, time: int) -> None:
            held = store.get(key)
            before: Sides = none if held is None else held[1]
            after: Sides = (*before[:place], None if value is None else (value, time), *before[place + 1 :])
            latest = _latest(after, time)
            if after == none:
                store.delete(key)
            else:
                store.put(key, (key, after, latest))
            if joined.exists(after) or joined.exists(before):
                changed(key, after, latest)

        return process

    return tuple(operator(place) for place in range(len(none)))


def _latest(sides: Sides, time: int) -> int:
    """Return the greatest time of the sides and `time`."""
    for side in sides:
        if side is not None and side[1] > time:
            time = side[1]
    return time


class Joined:
    """The result of a join on keys, from the sides of one key."""

    def __init__(self, step: TableJoinStep) -> None:
        """Join as `step` says."""
        self._kinds, self._missing = step.kinds, tuple((None,) * width for width in step.widths)
        self._all_left = all(kind == "LEFT" for kind in step.kinds)

    def exists(self, sides: Sides) -> bool:
        """Tell whether there is a result."""
        return sides[0] is not None if self._all_left else self._parts(sides) is not None

    def row(self, sides: Sides) -> Row | None:
        """Return all rows as one, nulls where one has no part in it; None when there is no result."""
        parts = self._parts(sides)
        if parts is None:
            return None
        out: list[object] = []
        for part, missing in zip(parts, self._missing, strict=True):
            out += missing if part is None else part[0]
        return tuple(out)

    def _parts(self, sides: Sides) -> Sequence[Side] | None:
        """Return the rows of the result, each None where its table has no part in it."""
        there = sides[0] is not None
        if self._all_left:
            return sides if there else None
        parts: list[Side] = [sides[0]]
        for side, kind in zip(sides[1:], self._kinds, strict=True):
            keep_left = there and (side is not None or kind in ("LEFT", "FULL"))
            keep_right = side is not None and (there or kind in ("RIGHT", "FULL"))
            if not keep_left:
                parts = [None] * len(parts)
            parts.append(side if keep_right else None)
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
