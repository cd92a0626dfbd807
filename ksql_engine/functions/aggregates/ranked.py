"""Aggregates that order values: MIN, MAX and the greatest k. Null values do not count."""

from __future__ import annotations

from collections.abc import Callable
from operator import gt, lt
from typing import Any, Final

from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments, Resolver
from ksql_engine.types import SqlType, array_type, struct_type

_UNORDERED: Final = ("BOOLEAN", "ARRAY", "MAP", "STRUCT")


def _extreme(better: Callable[[Any, Any], Any]) -> Resolver:
    def choose(state: Any, value: Any) -> Any:
        if value is None:
            return state
        return value if state is None or better(value, state) else state

    def resolve(args: Arguments) -> Aggregator | None:
        if len(args.types) != 1 or args.types[0].base in _UNORDERED:
            return None
        return Aggregator(args.types[0], None, choose, choose, nested=False)

    return resolve


def _topk(args: Arguments) -> Aggregator | None:
    columns = _ranked_columns(args)
    return _top(columns, args.constants[-1], distinct=False) if columns else None


def _topk_distinct(args: Arguments) -> Aggregator | None:
    columns = _ranked_columns(args)
    return _top(columns, args.constants[-1], distinct=True) if len(columns) == 1 else None


def _ranked_columns(args: Arguments) -> list[SqlType]:
    """Return the types of the columns before the literal k, of which the first is ranked; none if they do not fit."""
    count = args.constants[-1] if args.constants else None
    if len(args.types) < 2 or type(count) is not int or args.types[0].base in _UNORDERED:
        return []
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
    AggregateFunction("MIN", "The least value.", ("ANY",), _extreme(lt)),
    AggregateFunction("MAX", "The greatest value.", ("ANY",), _extreme(gt)),
    AggregateFunction("TOPK", "The greatest k values, each with further columns.", ("ANY, ANY..., INT",), _topk),
    AggregateFunction("TOPKDISTINCT", "The greatest k distinct values.", ("ANY, INT",), _topk_distinct),
)
