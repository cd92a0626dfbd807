"""Numeric functions (ksqlDB reference, "Mathematical functions"), and the conditional ones over any type."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, Final

from ksql_engine.expressions.arithmetic import CONTEXT, wrap64
from ksql_engine.functions.define import function, overload
from ksql_engine.functions.signature import Overload, ScalarFunction
from ksql_engine.types import SqlType, decimal_type


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _nullif(left: Any, right: Any) -> Any:
    return None if left is not None and left == right else left


def _round_double(value: float) -> int:
    if math.isnan(value):
        return 0
    return int(max(min(math.floor(value + 0.5), 2**63 - 1), -(2**63)))


def _round_places(value: float, places: int) -> float:
    """Round half up (towards plus infinity) at the decimal text of the double."""
    if math.isnan(value) or math.isinf(value):
        return value
    exact = Decimal(repr(value)).scaleb(places)
    nearest = (exact + Decimal("0.5")).to_integral_value(ROUND_FLOOR)
    return float(nearest.scaleb(-places))


def _decimal_half_up(value: Decimal, places: int) -> Decimal:
    exact = CONTEXT.scaleb(value, places)
    nearest = (exact + Decimal("0.5")).to_integral_value(ROUND_FLOOR)
    scaled = CONTEXT.scaleb(nearest, -places)
    return scaled.quantize(Decimal(1).scaleb(-max(-int(value.as_tuple().exponent), 0)), context=CONTEXT)


def _decimal_round(value: Decimal) -> Decimal:
    return (value + Decimal("0.5")).to_integral_value(ROUND_FLOOR)


def _truncate_places(value: float, places: int) -> float:
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_DOWN))


def _whole(args: Sequence[SqlType]) -> SqlType:
    """The type of a DECIMAL rounded to no decimal places."""
    return decimal_type(max(args[0].precision - args[0].scale + 1, 1), 0)


def _same(args: Sequence[SqlType]) -> SqlType:
    return args[0]


def _sign(value: Any) -> int:
    return int(value > 0) - int(value < 0)


def _double(name: str, description: str, call: Callable[[float], float]) -> ScalarFunction:
    def guarded(value: float) -> float:
        try:
            return call(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return function(name, description, overload("DOUBLE -> DOUBLE", guarded), category="MATHEMATICAL")


def _keeping(call: Callable[[Any], Any], decimal: Callable[[Decimal], Decimal]) -> tuple[Overload, ...]:
    """Overloads that keep the argument's type."""
    return (
        overload("INTEGER -> INTEGER", call),
        overload("BIGINT -> BIGINT", call),
        overload("DOUBLE -> DOUBLE", call),
        overload("DECIMAL -> DECIMAL", decimal, result=_same),
    )


def _ln(value: float) -> float:
    return math.log(value) if value > 0 else (-math.inf if value == 0 else math.nan)


def _log(base: float, value: float) -> float:
    return _ln(value) / _ln(base)


def _cbrt(value: float) -> float:
    return math.copysign(round(abs(value) ** (1 / 3), 15), value)


def _floor(value: Any) -> Any:
    return float(math.floor(value)) if isinstance(value, float) else value


def _ceil(value: Any) -> Any:
    return float(math.ceil(value)) if isinstance(value, float) else value


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function("COALESCE", "The first value that is not null.", overload("A... -> A", _coalesce, nulls=True)),
    function("IFNULL", "The second value where the first is null.", overload("A, A -> A", _coalesce, nulls=True)),
    function("NULLIF", "Null where both values are equal.", overload("A, A -> A", _nullif, nulls=True)),
    function(
        "AS_VALUE", "The value itself: copies a key column into the value.", overload("A -> A", lambda value: value)
    ),
    function("GREATEST", "The greatest of the values that are not null.", overload("A... -> A", _greatest, nulls=True)),
    function("LEAST", "The least of the values that are not null.", overload("A... -> A", _least, nulls=True)),
    function("ABS", "Without its sign.", *_keeping(abs, abs)),
    function("FLOOR", "The next whole number below.", *_keeping(_floor, lambda d: d.quantize(Decimal(1), ROUND_FLOOR))),
    function("CEIL", "The next whole number above.", *_keeping(_ceil, lambda d: d.quantize(Decimal(1), ROUND_CEILING))),
    function(
        "ROUND",
        "Rounded half up, to a number of decimal places.",
        overload("BIGINT -> BIGINT", lambda value: value),
        overload("DOUBLE -> BIGINT", _round_double),
        overload("DECIMAL -> DECIMAL", _decimal_round, result=_whole),
        overload(
            "BIGINT, INTEGER -> BIGINT",
            lambda value, places: (
                int(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)) if places < 0 else value
            ),
        ),
        overload("DOUBLE, INTEGER -> DOUBLE", _round_places),
        overload("DECIMAL, INTEGER -> DECIMAL", _decimal_half_up, result=_same),
    ),
    function(
        "TRUNC",
        "Cut off, at a number of decimal places.",
        overload("BIGINT -> BIGINT", lambda value: value),
        overload("DOUBLE -> BIGINT", lambda value: wrap64(int(value))),
        overload("DECIMAL -> DECIMAL", lambda d: d.quantize(Decimal(1), ROUND_DOWN), result=_whole),
        overload("DOUBLE, INTEGER -> DOUBLE", _truncate_places),
    ),
    function(
        "SIGN",
        "-1, 0 or 1.",
        overload("BIGINT -> INTEGER", _sign),
        overload("DOUBLE -> INTEGER", _sign),
        overload("DECIMAL -> INTEGER", _sign),
    ),
    function(
        "LOG",
        "The logarithm, natural or to a base.",
        overload("DOUBLE -> DOUBLE", _ln),
        overload("DOUBLE, DOUBLE -> DOUBLE", _log),
    ),
    function("POWER", "A power.", overload("DOUBLE, DOUBLE -> DOUBLE", math.pow)),
    function("ATAN2", "The angle of a point.", overload("DOUBLE, DOUBLE -> DOUBLE", math.atan2)),
    function("PI", "The number pi.", overload(" -> DOUBLE", lambda: math.pi)),
    function("RANDOM", "A random number from 0 to 1.", overload(" -> DOUBLE", random.random)),
    _double("EXP", "e to a power.", math.exp),
    _double("LN", "The natural logarithm.", _ln),
    _double("SQRT", "The square root.", math.sqrt),
    _double("CBRT", "The cube root.", _cbrt),
    _double("SIN", "The sine.", math.sin),
    _double("COS", "The cosine.", math.cos),
    _double("TAN", "The tangent.", math.tan),
    _double("COT", "The cotangent.", lambda x: 1 / math.tan(x)),
    _double("ASIN", "The arc sine.", math.asin),
    _double("ACOS", "The arc cosine.", math.acos),
    _double("ATAN", "The arc tangent.", math.atan),
    _double("SINH", "The hyperbolic sine.", math.sinh),
    _double("COSH", "The hyperbolic cosine.", math.cosh),
    _double("TANH", "The hyperbolic tangent.", math.tanh),
    _double("DEGREES", "Radians as degrees.", math.degrees),
    _double("RADIANS", "Degrees as radians.", math.radians),
)
