"""Aggregates that order values: MIN, MAX and the greatest k. Null values do not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments, Resolver, refuse
from ksql_engine.types import SqlType, array_type, struct_type

_UNORDERED: Final = ("BOOLEAN", "ARRAY", "MAP", "STRUCT")


def _extreme(name: str, better: Callable[[Any, Any], Any]) -> Resolver:
    def choose(state: Any, value: Any) -> Any:
        if value is None:
            return state
        return value if state is None else better(state, value)

    def resolve(args: Arguments) -> Aggregator:
        if len(args.types) != 1 or args.types[0].base in _UNORDERED:
            raise refuse(name, args.types)
        return Aggregator(args.types[0], None, choose, choose, nested=False)

    return resolve


def _topk(args: Arguments) -> Aggregator:
    columns = _ranked_columns("TOPK", args)
    return _top(columns, args.constants[-1], distinct=False)


def _topk_distinct(args: Arguments) -> Aggregator:
    columns = _ranked_columns("TOPKDISTINCT", args)
    if len(columns) != 1:
        raise refuse("TOPKDISTINCT", args.types)
    return _top(columns, args.constants[-1], distinct=True)


def _ranked_columns(name: str, args: Arguments) -> list[SqlType]:
    """Return the types of the columns before the literal k; the first is what is ranked."""
    count = args.constants[-1] if args.constants else None
    if len(args.types) < 2 or type(count) is not int or args.types[0].base in _UNORDERED:
        raise refuse(name, args.types)
    return list(args.types[:-1])


def _top(columns: list[SqlType], count: int, distinct: bool) -> Aggregator:
    """Return the aggregator of the greatest `count`; with further columns an item is a struct of all of them."""
    several = len(columns) > 1
    names = ["sort_col", *(f"col{place}" for place in range(len(columns) - 1))]
    item = struct_type(*zip(names, columns, strict=True)) if several else columns[0]

    def rank(value: Any) -> Any:
        return value[0] if several else value

    def best(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(sorted(values, key=rank, reverse=True)[:count])

    def add(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        return state if rank(value) is None or (distinct and value in state) else best((*state, value))

    def merge(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        return best(one + tuple(value for value in other if not distinct or value not in one))

    return Aggregator(array_type(item), (), add, merge, None, list, values=len(columns))


AGGREGATES: Final = (
    AggregateFunction("MIN", "The least value.", ("ANY",), _extreme("MIN", min)),
    AggregateFunction("MAX", "The greatest value.", ("ANY",), _extreme("MAX", max)),
    AggregateFunction("TOPK", "The greatest k values, each with further columns.", ("ANY, ANY..., INT",), _topk),
    AggregateFunction("TOPKDISTINCT", "The greatest k distinct values.", ("ANY, INT",), _topk_distinct),
)
