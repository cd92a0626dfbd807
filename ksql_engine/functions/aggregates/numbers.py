"""Aggregates that calculate: SUM, AVG, standard deviation and correlation. Null values do not count."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from ksql_engine.expressions.arithmetic import CONTEXT, fit_decimal, wrap32, wrap64
from ksql_engine.functions.aggregate import AggregateFunction, Aggregator, Arguments, Resolver
from ksql_engine.types import DOUBLE, SqlType, is_number


def _sum(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1 or not is_number(args.types[0]):
        return None
    kind = args.types[0]
    fit = _fitter(kind)
    return Aggregator(
        kind,
        _zero(kind),
        lambda state, value: state if value is None else fit(state + value),
        lambda one, other: fit(one + other),
        lambda state, value: state if value is None else fit(state - value),
        nested=False,
    )


def _zero(kind: SqlType) -> Any:
    if kind.base == "DECIMAL":
        return Decimal(0).scaleb(-kind.scale)
    return 0.0 if kind.base == "DOUBLE" else 0


def _fitter(kind: SqlType) -> Callable[[Any], Any]:
    """Return what keeps a sum in its type: whole numbers wrap, decimals raise when they do not fit."""
    if kind.base == "INTEGER":
        return wrap32
    if kind.base == "BIGINT":
        return wrap64
    if kind.base == "DECIMAL":
        return lambda value: fit_decimal(value, kind.precision, kind.scale)
    return float


def _sum_list(args: Arguments) -> Aggregator | None:
    item = args.types[0].item if len(args.types) == 1 and args.types[0].base == "ARRAY" else None
    if item is None or item.base not in ("INTEGER", "BIGINT", "DOUBLE"):
        return None
    fit = _fitter(item)

    def total(values: Any) -> Any:
        return sum(value for value in values or () if value is not None)

    return Aggregator(
        item,
        _zero(item),
        lambda state, value: fit(state + total(value)),
        lambda one, other: fit(one + other),
        lambda state, value: fit(state - total(value)),
        nested=False,
    )


def _avg(args: Arguments) -> Aggregator | None:
    if len(args.types) != 1 or not is_number(args.types[0]):
        return None
    kind = args.types[0]
    fit = CONTEXT.plus if kind.base == "DECIMAL" else _fitter(kind)

    def shift(state: Any, value: Any, sign: int) -> Any:
        return state if value is None else (fit(state[0] + sign * value), state[1] + sign)

    return Aggregator(
        DOUBLE,
        (_zero(kind), 0),
        lambda state, value: shift(state, value, 1),
        lambda one, other: (fit(one[0] + other[0]), one[1] + other[1]),
        lambda state, value: shift(state, value, -1),
        lambda state: float(state[0]) / state[1] if state[1] else 0.0,
    )


Spread = tuple[int, float, float]
"""Count, sum, and sum of the squared distances from the mean."""


def _deviation(show: Callable[[float], float]) -> Resolver:
    def resolve(args: Arguments) -> Aggregator | None:
        if len(args.types) != 1 or args.types[0].base not in ("INTEGER", "BIGINT", "DOUBLE"):
            return None
        return Aggregator(
            DOUBLE, (0, 0.0, 0.0), _spread, _spreads, _unspread, lambda state: show(_variance(state)), nested=True
        )

    return resolve


def _variance(state: Spread) -> float:
    return state[2] / (state[0] - 1) if state[0] > 1 else 0.0


def _spread(state: Spread, value: float | None) -> Spread:
    """Return the spread with one value more (Youngs and Cramer's update)."""
    if value is None:
        return state
    count, total, spread = state
    if count:
        apart = value * (count + 1) - (total + value)
        spread += apart * apart / (count * (count + 1))
    return count + 1, total + value, spread


def _spreads(one: Spread, other: Spread) -> Spread:
    """Return the spread of both sets of values (Chan's pairwise update)."""
    if not one[0] or not other[0]:
        return one if one[0] else other
    count = one[0] + other[0]
    apart = one[0] * other[1] - other[0] * one[1]
    return count, one[1] + other[1], one[2] + other[2] + apart * apart / (one[0] * other[0] * count)


def _unspread(state: Spread, value: float | None) -> Spread:
    if value is None:
        return state
    count, total, spread = state
    if count <= 1:
        return 0, 0.0, 0.0
    apart = value * count - total
    return count - 1, total - value, max(spread - apart * apart / (count * (count - 1)), 0.0)


Products = tuple[int, float, float, float, float, float]
"""Count and the sums of x, y, x*x, y*y and x*y."""


def _correlation(args: Arguments) -> Aggregator | None:
    if len(args.types) != 2 or any(kind.base not in ("INTEGER", "BIGINT", "DOUBLE") for kind in args.types):
        return None

    def shift(state: Products, pair: tuple[Any, Any], sign: int) -> Products:
        x, y = pair
        if x is None or y is None:
            return state
        return _sums(state, (sign, sign * x, sign * y, sign * x * x, sign * y * y, sign * x * y))

    return Aggregator(
        DOUBLE,
        (0, 0.0, 0.0, 0.0, 0.0, 0.0),
        lambda state, pair: shift(state, pair, 1),
        _sums,
        lambda state, pair: shift(state, pair, -1),
        _pearson,
        values=2,
    )


def _sums(one: Products, other: Products) -> Products:
    n, x, y, xx, yy, xy = (left + right for left, right in zip(one, other, strict=True))
    return int(n), x, y, xx, yy, xy


def _pearson(state: Products) -> float:
    """Return Pearson's correlation, NaN where it is not defined."""
    n, x, y, xx, yy, xy = state
    spread = (n * xx - x * x) * (n * yy - y * y)
    return (n * xy - x * y) / math.sqrt(spread) if spread > 0 else math.nan


AGGREGATES: Final = (
    AggregateFunction("SUM", "The sum.", ("INT", "BIGINT", "DOUBLE", "DECIMAL"), _sum),
    AggregateFunction(
        "SUM_LIST", "The sum over all items of arrays.", ("ARRAY<INT>", "ARRAY<BIGINT>", "ARRAY<DOUBLE>"), _sum_list
    ),
    AggregateFunction("AVG", "The average.", ("INT", "BIGINT", "DOUBLE", "DECIMAL"), _avg),
    AggregateFunction(
        "STDDEV_SAMPLE",
        "The standard deviation of a sample.",
        ("INT", "BIGINT", "DOUBLE"),
        _deviation(math.sqrt),
    ),
    AggregateFunction(
        "STDDEV_SAMP",
        "The variance of a sample; STDDEV_SAMPLE is its root.",
        ("INT", "BIGINT", "DOUBLE"),
        _deviation(float),
    ),
    AggregateFunction(
        "CORRELATION", "Pearson's correlation of two columns.", ("DOUBLE, DOUBLE", "BIGINT, BIGINT"), _correlation
    ),
)
