"""Aggregates that count: rows, distinct values, how often each occurs, and whether there is only one."""

from __future__ import annotations

from typing import Any, Final

from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments
from ksql_engine.functions.aggregates.distinct import EMPTY, add_hash, estimate, join, value_hash
from ksql_engine.types import BIGINT, STRING, map_type

_HISTOGRAM_ENTRIES: Final = 1000

Counts = tuple[tuple[Any, int], ...]
"""Values, in the order of their first appearance, with how often each is there; a value may be of any type."""


def _count(args: Arguments) -> Aggregator | None:
    if len(args.types) > 1:
        return None
    if not args.types or args.constants[0] is not None:
        return Aggregator(BIGINT, 0, lambda state, _: state + 1, _plus, lambda state, _: state - 1, None, 0, False)
    return Aggregator(
        BIGINT,
        0,
        lambda state, value: state if value is None else state + 1,
        _plus,
        lambda state, value: state if value is None else state - 1,
        nested=False,
    )


def _plus(one: int, other: int) -> int:
    return one + other


def _count_distinct(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1:
        return None
    return Aggregator(
        BIGINT,
        EMPTY,
        lambda state, value: state if value is None else add_hash(state, value_hash(value)),
        join,
        None,
        estimate,
    )


def _shift(state: Counts, value: Any, change: int, limit: int | None = None) -> Counts:
    """Return the counts with one changed; a value that counts nothing is not there."""
    for place, (held, count) in enumerate(state):
        if held == value and type(held) is type(value):
            kept = ((held, count + change),) if count + change > 0 else ()
            return state[:place] + kept + state[place + 1 :]
    if change < 0 or (limit is not None and len(state) >= limit):
        return state
    return (*state, (value, change))


def _merge(one: Counts, other: Counts, limit: int | None = None) -> Counts:
    for value, count in other:
        one = _shift(one, value, count, limit)
    return one


def _histogram(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1 or args.types[0] != STRING:
        return None
    return Aggregator(
        map_type(STRING, BIGINT),
        (),
        lambda state, value: _shift(state, value, 1, _HISTOGRAM_ENTRIES),
        lambda one, other: _merge(one, other, _HISTOGRAM_ENTRIES),
        lambda state, value: _shift(state, value, -1),
        dict,
    )


def _attr(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1:
        return None
    return Aggregator(
        args.types[0],
        (),
        lambda state, value: _shift(state, value, 1),
        _merge,
        lambda state, value: _shift(state, value, -1),
        lambda state: state[0][0] if len(state) == 1 else None,
    )


AGGREGATES: Final = (
    AggregateFunction("COUNT", "The number of rows, or of values that are not null.", ("", "ANY"), _count),
    AggregateFunction(
        "COUNT_DISTINCT",
        "About how many distinct values there are; exact for some hundreds.",
        ("ANY",),
        _count_distinct,
    ),
    AggregateFunction("HISTOGRAM", "How often each of up to 1000 values occurs.", ("STRING",), _histogram),
    AggregateFunction("ATTR", "The value, if all rows have the same, else null.", ("ANY",), _attr),
)
