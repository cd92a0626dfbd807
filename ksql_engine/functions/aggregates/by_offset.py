"""Aggregates by arrival: the first or last values, nulls left out unless asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count as count_from
from typing import Any, Final

from ksql_engine.errors import StatementError
from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments, Resolver
from ksql_engine.types import SqlType, array_type

# Values are numbered as they arrive, which orders them when sessions become one. The numbers start from the clock, so
# that they go on rising after a restart.
_NUMBERS: Final = count_from(time.time_ns())

Arrival = tuple[()] | tuple[int, Any]
"""A value with its number, or nothing."""

Arrivals = tuple[tuple[int, Any], ...]
"""Values with their numbers, rising."""


def _by_offset(latest: bool) -> Resolver:
    def resolve(args: Arguments) -> Aggregator | None:
        if not 1 <= len(args.types) <= 3:
            return None
        options = _options(args)
        if options is None:
            return None
        count, ignore_nulls = options
        if count is not None and count < 1:
            raise StatementError(f"{'latestN' if latest else 'earliestN'} must be 1 or greater")
        if count is None:
            return _one(args.types[0], latest, ignore_nulls)
        return _several(args.types[0], latest, ignore_nulls, count)

    return resolve


def _options(args: Arguments) -> tuple[int | None, bool] | None:
    """Return how many values are asked for (None: one, no array) and if nulls are left out; None if it does not fit."""
    options: Sequence[Any] = args.constants[1:]
    shapes = [type(option) for option in options]
    if shapes == []:
        return None, True
    if shapes == [bool]:
        return None, options[0]
    if shapes == [int]:
        return options[0], True
    if shapes == [int, bool]:
        return options[0], options[1]
    return None


def _one(kind: SqlType, latest: bool, ignore_nulls: bool) -> Aggregator:
    """Keep a value and its number; before the first there is neither."""

    def add(state: Arrival, value: Any) -> Arrival:
        if (state and not latest) or (value is None and ignore_nulls):
            return state
        return next(_NUMBERS), value

    def merge(one: Arrival, other: Arrival) -> Arrival:
        if not one or not other:
            return one or other
        return max(one, other, key=_number) if latest else min(one, other, key=_number)

    return Aggregator(kind, (), add, merge, None, lambda state: state[1] if state else None)


def _several(kind: SqlType, latest: bool, ignore_nulls: bool, limit: int) -> Aggregator:
    def add(state: Arrivals, value: Any) -> Arrivals:
        if (value is None and ignore_nulls) or (not latest and len(state) >= limit):
            return state
        return (*state, (next(_NUMBERS), value))[-limit:]

    def merge(one: Arrivals, other: Arrivals) -> Arrivals:
        both = sorted(one + other, key=_number)
        return tuple(both[-limit:] if latest else both[:limit])

    return Aggregator(array_type(kind), (), add, merge, None, lambda state: [value for _, value in state])


def _number(arrival: Any) -> int:
    number: int = arrival[0]
    return number


_FORMS: Final = ("ANY", "ANY, BOOLEAN", "ANY, INT", "ANY, INT, BOOLEAN")
AGGREGATES: Final = (
    AggregateFunction("EARLIEST_BY_OFFSET", "The first value, or values.", _FORMS, _by_offset(latest=False)),
    AggregateFunction("LATEST_BY_OFFSET", "The last value, or values.", _FORMS, _by_offset(latest=True)),
)
