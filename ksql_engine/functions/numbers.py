"""Numeric functions (ksqlDB reference, "Mathematical functions")."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from typing import Any, Final

from ksql_engine.expressions.arithmetic import CONTEXT
from ksql_engine.functions.define import MATHEMATICAL, function, overload
from ksql_engine.functions.signature import Overload, ScalarFunction
from ksql_engine.types import SqlType, decimal_type

_HALF: Final = Decimal("0.5")
_FEW: Final = 9
_EXACT: Final = 1e13


def _round_double(value: float) -> int:
    if math.isnan(value):
        return 0
    return int(max(min(math.floor(value + 0.5), 2**63 - 1), -(2**63)))


def _round_places(value: float, places: int) -> float:
    """Round half up (towards plus infinity) at the decimal text of the double."""
    if 0 <= places <= _FEW:
        scale: int = 10**places
        scaled = value * scale
        if -_EXACT < scaled < _EXACT:
            below = math.floor(scaled)
            # The half as a double: text of up to 15 digits is the text of the double it is read as.
            return (below + (value >= (below + below + 1) / (scale + scale))) / scale
    if math.isnan(value) or math.isinf(value):
        return value
    exact = CONTEXT.scaleb(Decimal(repr(value)), places)
    nearest = CONTEXT.add(exact, _HALF).to_integral_value(ROUND_FLOOR)
    return float(CONTEXT.scaleb(nearest, -places))


def _decimal_half_up(value: Decimal, places: int) -> Decimal:
    exact = CONTEXT.scaleb(value, places)
    nearest = CONTEXT.add(exact, _HALF).to_integral_value(ROUND_FLOOR)
    scaled = CONTEXT.scaleb(nearest, -places)
    return scaled.quantize(Decimal(1).scaleb(-max(-int(value.as_tuple().exponent), 0)), context=CONTEXT)


def _decimal_round(value: Decimal) -> Decimal:
    return CONTEXT.add(value, _HALF).to_integral_value(ROUND_FLOOR)


def _truncate_places(value: float, places: int) -> float:
    return float(_cut(Decimal(repr(value)), places))


def _whole(args: Sequence[SqlType]) -> SqlType:
    """The type of a DECIMAL rounded to no decimal places."""
    return decimal_type(max(args[0].precision - args[0].scale, 1), 0)


def _same(args: Sequence[SqlType]) -> SqlType:
    return args[0]


def _sign(value: Any) -> int:
    return int(value > 0) - int(value < 0)


def _double(name: str, description: str, call: Callable[[float], float]) -> ScalarFunction:
    """A function of one DOUBLE; where it has no value it is NaN, where it is too large an infinity."""

    def guarded(value: float) -> float:
        try:
            return call(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return function(name, description, overload("DOUBLE value -> DOUBLE", guarded), category=MATHEMATICAL)


def _keeping(call: Callable[[Any], Any], decimal: Callable[[Decimal], Decimal]) -> tuple[Overload, ...]:
    """Overloads that keep the argument's type."""
    return (
        overload("INTEGER val -> INTEGER", call),
        overload("BIGINT val -> BIGINT", call),
        overload("DOUBLE val -> DOUBLE", call),
        overload("DECIMAL val -> DECIMAL", decimal, result=_same),
    )


def _abs(value: int) -> int:
    """Return the absolute value; that of the least INTEGER and BIGINT is itself, as in Java."""
    return -value if value < 0 and value not in (-(2**31), -(2**63)) else value


def _ln(value: float) -> float:
    return math.log(value) if value > 0 else (-math.inf if value == 0 else math.nan)


def _log(base: float, value: float) -> float:
    if base <= 0 or base == 1:
        return math.nan
    return _ln(value) / _ln(base)


def _cbrt(value: float) -> float:
    """Return the cube root, exact for cubes of whole numbers."""
    if math.isnan(value) or math.isinf(value):
        return value
    root = math.copysign(abs(value) ** (1 / 3), value)
    nearest = float(round(root))
    return nearest if nearest**3 == value else root


def _cot(value: float) -> float:
    tangent = math.tan(value)
    return math.copysign(math.inf, tangent) if tangent == 0 else 1 / tangent


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except ValueError:
        return math.inf if base == 0 else math.nan
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf


def _floor(value: Any) -> Any:
    return float(math.floor(value)) if isinstance(value, float) and math.isfinite(value) else value


def _ceil(value: Any) -> Any:
    return float(math.ceil(value)) if isinstance(value, float) and math.isfinite(value) else value


def _round_whole(value: int, places: int) -> int:
    """Round half up at a place left of the point."""
    return value if places >= 0 else int(_decimal_half_up(Decimal(value), places))


def _truncated(value: Any, places: int) -> Any:
    """Cut off at a decimal place; a whole number stays one, a DECIMAL keeps its scale."""
    if isinstance(value, float):
        return _truncate_places(value, places) if math.isfinite(value) else value
    cut = _cut(Decimal(value), places)
    return int(cut) if isinstance(value, int) else cut.quantize(value, context=CONTEXT)


def _cut(value: Decimal, places: int) -> Decimal:
    return CONTEXT.scaleb(CONTEXT.scaleb(value, places).to_integral_value(ROUND_DOWN), -places)


def _rounding(to_whole: Callable[[float], int], to_decimal: Callable[[Decimal], Decimal]) -> tuple[Overload, ...]:
    """Overloads to a whole number."""
    return (
        overload("INTEGER val -> BIGINT", _itself),
        overload("BIGINT val -> BIGINT", _itself),
        overload("DOUBLE val -> BIGINT", to_whole),
        overload("DECIMAL val -> DECIMAL", to_decimal, result=_whole),
    )


def _to_places(
    whole: Callable[..., Any], double: Callable[..., Any], exact: Callable[..., Any]
) -> tuple[Overload, ...]:
    """Overloads to a number of decimal places."""
    return (
        overload("INTEGER val, INTEGER decimalPlaces -> INTEGER", whole),
        overload("BIGINT val, INTEGER decimalPlaces -> BIGINT", whole),
        overload("DOUBLE val, INTEGER decimalPlaces -> DOUBLE", double),
        overload("DECIMAL val, INTEGER decimalPlaces -> DECIMAL", exact, result=_same),
    )


def _itself(value: Any) -> Any:
    return value


def _truncate_whole(value: float) -> int:
    return int(max(min(value, 2.0**63 - 1024), -(2.0**63))) if not math.isnan(value) else 0


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "Abs",
        "Without its sign.",
        overload("INTEGER val -> INTEGER", _abs),
        overload("BIGINT val -> BIGINT", _abs),
        overload("DOUBLE val -> DOUBLE", abs),
        overload("DECIMAL val -> DECIMAL", Decimal.copy_abs, result=_same),
        category=MATHEMATICAL,
    ),
    function(
        "Floor",
        "The next whole number below.",
        *_keeping(_floor, lambda d: d.to_integral_value(ROUND_FLOOR).quantize(d, context=CONTEXT)),
        category=MATHEMATICAL,
    ),
    function(
        "Ceil",
        "The next whole number above.",
        *_keeping(_ceil, lambda d: d.to_integral_value(ROUND_CEILING).quantize(d, context=CONTEXT)),
        category=MATHEMATICAL,
    ),
    function(
        "Round",
        "Rounded half up, to a number of decimal places.",
        *_rounding(_round_double, _decimal_round),
        *_to_places(_round_whole, _round_places, _decimal_half_up),
        category=MATHEMATICAL,
    ),
    function(
        "trunc",
        "Cut off, at a number of decimal places.",
        *_rounding(_truncate_whole, lambda d: d.to_integral_value(ROUND_DOWN)),
        *_to_places(_truncated, _truncated, _truncated),
        category=MATHEMATICAL,
    ),
    function(
        "sign",
        "-1, 0 or 1.",
        overload("INTEGER val -> INTEGER", _sign),
        overload("BIGINT val -> INTEGER", _sign),
        overload("DOUBLE val -> INTEGER", _sign),
        category=MATHEMATICAL,
    ),
    function(
        "log",
        "The logarithm, natural or to a base.",
        overload("DOUBLE value -> DOUBLE", _ln),
        overload("DOUBLE base, DOUBLE value -> DOUBLE", _log),
        category=MATHEMATICAL,
    ),
    function("power", "A power.", overload("DOUBLE base, DOUBLE exponent -> DOUBLE", _power), category=MATHEMATICAL),
    function(
        "atan2", "The angle of a point.", overload("DOUBLE y, DOUBLE x -> DOUBLE", math.atan2), category=MATHEMATICAL
    ),
    function("pi", "The number pi.", overload("-> DOUBLE", lambda: math.pi), category=MATHEMATICAL),
    function("random", "A random number from 0 to 1.", overload("-> DOUBLE", random.random), category=MATHEMATICAL),
    _double("exp", "e to a power.", math.exp),
    _double("ln", "The natural logarithm.", _ln),
    _double("sqrt", "The square root.", math.sqrt),
    _double("cbrt", "The cube root.", _cbrt),
    _double("sin", "The sine.", math.sin),
    _double("cos", "The cosine.", math.cos),
    _double("tan", "The tangent.", math.tan),
    _double("cot", "The cotangent.", _cot),
    _double("asin", "The arc sine.", math.asin),
    _double("acos", "The arc cosine.", math.acos),
    _double("atan", "The arc tangent.", math.atan),
    _double("sinh", "The hyperbolic sine.", math.sinh),
    _double("cosh", "The hyperbolic cosine.", math.cosh),
    _double("tanh", "The hyperbolic tangent.", math.tanh),
    _double("degrees", "Radians as degrees.", math.degrees),
    _double("radians", "Degrees as radians.", math.radians),
)
