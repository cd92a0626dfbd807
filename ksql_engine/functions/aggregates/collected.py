"""Aggregates that collect values into an array; a null is a value."""

from __future__ import annotations

import sys
from typing import Any, Final

from ksql_engine.errors import StatementError
from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments, Config
from ksql_engine.types import array_type


def _limit(name: str, config: Config) -> int:
    """Return how many values an array takes: the rest is ignored. A negative limit is none.

    Raises StatementError when the property is not a number.
    """
    setting = f"ksql.functions.{name.lower()}.limit"
    given = config.get(setting, -1)
    try:
        limit = int(given)
    except ValueError:
        raise StatementError(f"Invalid value {given} for configuration {setting}: Not a number of type INT") from None
    return limit if limit >= 0 else sys.maxsize


def _collect_list(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1:
        return None
    limit = _limit("COLLECT_LIST", args.config)

    def undo(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        for place in range(len(state) - 1, -1, -1):
            if state[place] == value:
                return state[:place] + state[place + 1 :]
        return state

    return Aggregator(
        array_type(args.types[0]),
        (),
        lambda state, value: (*state, value) if len(state) < limit else state,
        lambda one, other: (one + other)[:limit],
        undo,
        list,
    )


def _collect_set(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1:
        return None
    limit = _limit("COLLECT_SET", args.config)

    def add(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        return state if value in state or len(state) >= limit else (*state, value)

    def merge(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in other:
            one = add(one, value)
        return one

    return Aggregator(array_type(args.types[0]), (), add, merge, None, list)


AGGREGATES: Final = (
    AggregateFunction("COLLECT_LIST", "All values as an array.", ("ANY",), _collect_list),
    AggregateFunction("COLLECT_SET", "The distinct values as an array.", ("ANY",), _collect_set),
)
