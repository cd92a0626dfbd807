"""Joins of two streams within a span of time, with rows of the past kept as long as they can still find a partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ksql_engine.operators.base import Emit
from ksql_engine.operators.progress import Current
from ksql_engine.plan.model import StreamJoinStep
from ksql_engine.state.store import State, Store
from ksql_engine.types import Row

DEFAULT_GRACE: Final = 86_400_000
"""How long (ms) rows are kept beyond the join's span where the query names no grace period."""
_MIN_SEGMENT: Final = 60_000
_LEFT, _RIGHT = 1, 0


class _Buffer:
    """The rows of one side by task, time and key, those of one time and key together.

    Before the key stands a segment of time, so that what is too old goes away by range.
    """

    def __init__(self, store: Store, retention: int) -> None:
        self._store, self._retention = store, retention
        self._segment = max(retention // 2, _MIN_SEGMENT)

    def put(self, task: int, key: Row, row: Row, time: int, clock: int) -> bool:
        """Keep a row, unless its time is over by `clock`, the greatest time of this side; tell whether it is kept."""
        if time <= clock - self._retention:
            return False
        place = (task, time // self._segment, key, time)
        held = self._store.get(place)
        self._store.put(place, (key, time, (*held[2], row) if held is not None else (row,)))
        return True

    def find(self, task: int, key: Row, span: tuple[int, int], clock: int) -> list[tuple[int, tuple[Row, ...]]]:
        """Return (time, rows) of a key within `span`, both ends included, in the order of time."""
        first, last = max(span[0], clock - self._retention + 1), span[1]
        found: list[tuple[int, tuple[Row, ...]]] = []
        for segment in range(first // self._segment, last // self._segment + 1):
            held = self._store.scan_range((task, segment, key, first), (task, segment, key, last + 1))
            found += [(time, rows) for _, time, rows in held]
        return found

    def expire(self, task: int, before: int, clock: int) -> None:
        """Forget whole segments that are over by `clock` and were not by `before`."""
        past, live = ((time - self._retention) // self._segment for time in (before, clock))
        if live > past:
            for key, time, _ in self._store.scan_range((task, past), (task, live)):
                self._store.delete((task, time // self._segment, key, time))


class _Waiting:
    """Rows of outer sides that have no partner yet, of each task in the order of their time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, place: tuple[int, int, int, Row], row: Row) -> None:
        """Let a row wait under its task, time, side and key."""
        held = self._store.get(place)
        self._store.put(place, (place, (*held[1], row) if held is not None else (row,)))

    def found_partner(self, place: tuple[int, int, int, Row]) -> None:
        """Rows of that task, time, side and key wait no longer."""
        self._store.delete(place)

    def take(self, task: int, start: int, ends: dict[int, int]) -> list[tuple[int, int, Row, tuple[Row, ...]]]:
        """Return and forget (time, side, key, rows) of a task from `start` to before the end of their side."""
        over: list[tuple[int, int, Row, tuple[Row, ...]]] = []
        for place, rows in self._store.scan_range((task, start), (task, max(ends.values()))):
            _, time, side, key = place
            if time < ends[side]:
                self._store.delete(place)
                over.append((time, side, key, rows))
        return over


@dataclass(frozen=True)
class _Side:
    """One side as a record of it sees the join: `back` and `ahead` (ms) bound the times of its partners."""

    name: int
    own: _Buffer
    other: _Buffer
    outer: bool
    back: int
    ahead: int


class _StreamJoin:
    """Both sides of a join, with the greatest times of each that its tasks have seen (ms).

    A task reads one partition of both streams. After a repartitioning there is one task, as in windowed aggregates.
    """

    def __init__(self, step: StreamJoinStep, emit: Emit, current: Current, state: State, name: str) -> None:
        self._emit, self._current = emit, current
        self._eager, self._shared = step.grace is None, step.repartitioned
        self._grace = DEFAULT_GRACE if step.grace is None else step.grace
        retention = step.before + step.after + self._grace
        left = _Buffer(state.store(f"{name}-left"), retention)
        right = _Buffer(state.store(f"{name}-right"), retention)
        self._clocks = state.store(f"{name}-clocks")
        self._waiting = _Waiting(state.store(f"{name}-waiting"))
        self._missing = {_LEFT: (None,) * step.widths[1], _RIGHT: (None,) * step.widths[0]}
        outer_left, outer_right = step.kind in ("LEFT", "FULL"), step.kind in ("RIGHT", "FULL")
        self._left = _Side(_LEFT, left, right, outer_left, step.before, step.after)
        self._right = _Side(_RIGHT, right, left, outer_right, step.after, step.before)
        self._waits = not self._eager and step.kind != "INNER"

    def left(self, key: Row, value: Row | None, time: int) -> None:
        """Take a record of the left stream in."""
        if value is not None:
            self._process(self._left, key, value, time)

    def right(self, key: Row, value: Row | None, time: int) -> None:
        """Take a record of the right stream in."""
        if value is not None:
            self._process(self._right, key, value, time)

    def _process(self, side: _Side, key: Row, row: Row, time: int) -> None:
        task = 0 if self._shared else self._current.partition
        before, own, other = self._advance(task, side, time)
        now = max(own, other)
        if not side.own.put(task, key, row, time, own):
            self._current.late += 1
        if self._waits and now > before:
            self._pass_over(task, before, now)
        first, last = max(0, time - side.back), max(0, time + side.ahead)
        partners = side.other.find(task, key, (first, last), other)
        for partner_time, rows in partners:
            if self._waits:
                self._waiting.found_partner((task, partner_time, _LEFT + _RIGHT - side.name, key))
            for partner in rows:
                self._emit(key, self._pair(side.name, row, partner), max(time, partner_time))
        if side.outer and not partners:
            if self._eager or last + self._grace < now:
                self._emit(key, self._pair(side.name, row, self._missing[side.name]), time)
            else:
                self._waiting.put((task, time, side.name, key), row)

    def _advance(self, task: int, side: _Side, time: int) -> tuple[int, int, int]:
        """Move the side's clock; return the time of both sides before, then the side's own and the other's."""
        clocks: dict[int, int] = self._clocks.get((task,)) or {}
        seen, other = clocks.get(side.name, 0), clocks.get(_LEFT + _RIGHT - side.name, 0)
        if time > seen:
            self._clocks.put((task,), {**clocks, side.name: time})
            side.own.expire(task, seen, time)
        return max(seen, other), max(seen, time), other

    def _pass_over(self, task: int, before: int, now: int) -> None:
        """Pass on the rows that no record in time can join any more, and could at `before`.

        Looking no further back matters: what is deleted at the head of a store is slow to step over.
        """
        ends = {side.name: now - self._grace - side.ahead for side in (self._left, self._right)}
        start = min(ends.values()) - (now - before)
        for time, side, key, rows in self._waiting.take(task, start, ends):
            for row in rows:
                self._emit(key, self._pair(side, row, self._missing[side]), time)

    def _pair(self, side: int, row: Row, partner: Row) -> Row:
        return row + partner if side == _LEFT else partner + row


def stream_join_operators(
    step: StreamJoinStep, emit: Emit, current: Current, state: State, name: str
) -> tuple[Emit, Emit]:
    """Return the operators of the left stream and of the right stream; `current` tells the record in hand."""
    join = _StreamJoin(step, emit, current, state, name)
    return join.left, join.right
