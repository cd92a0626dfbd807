"""Arithmetic as Java does it: integers wrap, their division truncates, doubles follow IEEE, decimals are exact."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from ksql_engine.errors import EvaluationError, ExpressionTypeError
from ksql_engine.types import DOUBLE, SqlType, as_decimal, decimal_type, is_number, wider_number

CONTEXT = Context(prec=130, rounding=ROUND_HALF_UP)


def wrap32(value: int) -> int:
    """Return `value` as a 32-bit integer that overflows like Java's."""
    return ((value + 0x80000000) & 0xFFFFFFFF) - 0x80000000


def wrap64(value: int) -> int:
    """Return `value` as a 64-bit integer that overflows like Java's."""
    return ((value + 0x8000000000000000) & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def divide_integers(left: int, right: int) -> int:
    """Return the quotient cut off towards zero. Raises EvaluationError for a zero divisor."""
    if right == 0:
        raise EvaluationError("/ by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def remainder_integers(left: int, right: int) -> int:
    """Return the remainder with the sign of `left`. Raises EvaluationError for a zero divisor."""
    return left - right * divide_integers(left, right)


def divide_doubles(left: float, right: float) -> float:
    """Return the IEEE quotient: infinities and NaN instead of an error."""
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder_doubles(left: float, right: float) -> float:
    """Return Java's `%` of doubles."""
    if right == 0 or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


@lru_cache(maxsize=256)
def _bounds(precision: int, scale: int) -> tuple[Decimal, Decimal]:
    """Return the least step of a DECIMAL, and the power of ten that its values stay below."""
    return Decimal(1).scaleb(-scale), Decimal(1).scaleb(precision - scale)


def fit_decimal(value: Decimal, precision: int, scale: int) -> Decimal:
    """Round half up to `scale`. Raises EvaluationError when the result needs more than `precision` digits."""
    if not value.is_finite():
        raise EvaluationError("Numeric field overflow: not a finite number")
    quantum, limit = _bounds(precision, scale)
    fitted = value.quantize(quantum, context=CONTEXT)
    if fitted.copy_abs() >= limit:
        raise EvaluationError(
            f"Numeric field overflow: A field with precision {precision} and scale {scale} must round to an absolute "
            f"value less than 10^{precision - scale}. Got {value}"
        )
    return fitted


def divide_decimals(left: Decimal, right: Decimal, precision: int, scale: int) -> Decimal:
    """Return the quotient as DECIMAL(precision, scale). Raises EvaluationError for a zero divisor."""
    if right == 0:
        raise EvaluationError("/ by zero")
    return fit_decimal(CONTEXT.divide(left, right), precision, scale)


def remainder_decimals(left: Decimal, right: Decimal) -> Decimal:
    """Return the remainder with the sign of `left`. Raises EvaluationError for a zero divisor."""
    if right == 0:
        raise EvaluationError("Division undefined")
    return CONTEXT.remainder(left, right)


def arithmetic_type(op: str, left: SqlType, right: SqlType) -> SqlType:
    """Return the type of `left op right`. Raises ExpressionTypeError when there is no such operation."""
    if not (is_number(left) and is_number(right)):
        raise ExpressionTypeError(f"Unsupported arithmetic types. {left.base} {right.base}")
    if DOUBLE in (left, right) or "DECIMAL" not in (left.base, right.base):
        return wider_number(left, right)
    return _decimal_result(op, as_decimal(left), as_decimal(right))


def _decimal_result(op: str, left: SqlType, right: SqlType) -> SqlType:
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    if op in "+-":
        scale = max(s1, s2)
        return decimal_type(scale + max(p1 - s1, p2 - s2) + 1, scale)
    if op == "*":
        return decimal_type(p1 + p2 + 1, s1 + s2)
    if op == "/":
        scale = max(6, s1 + p2 + 1)
        return decimal_type(p1 - s1 + s2 + scale, scale)
    scale = max(s1, s2)
    return decimal_type(min(p1 - s1, p2 - s2) + scale, scale)
