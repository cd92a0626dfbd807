"""CAST: a function from a value of one type to a value of another; and the text forms Java gives values."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from ksql_engine.errors import EvaluationError, ExpressionCodeError, StatementError
from ksql_engine.expressions import times
from ksql_engine.expressions.arithmetic import fit_decimal, wrap32, wrap64
from ksql_engine.expressions.java_maps import visited
from ksql_engine.types import SqlType, is_number, is_temporal

Cast = Callable[[Any], Any]


def caster(source: SqlType, target: SqlType) -> Cast:
    """Return the function that casts a non-null value. Raises ExpressionCodeError when there is no such cast."""
    if source == target or source.base == "null":
        return _same
    try:
        found = _plain(source, target) or _nested(source, target)
    except ExpressionCodeError as error:
        raise _unsupported(source, target) from error
    if found is None:
        raise _unsupported(source, target)
    return found


def _unsupported(source: SqlType, target: SqlType) -> ExpressionCodeError:
    return ExpressionCodeError(f"Cast of {source} to {target} is not supported")


def _same(value: Any) -> Any:
    return value


def _plain(source: SqlType, target: SqlType) -> Cast | None:
    if target.base == "STRING":
        return text_writer(source) if source.base != "BYTES" else None
    if is_number(source) and is_number(target):
        return _number_cast(target)
    if source.base == "STRING":
        return _from_text(target)
    temporal: dict[tuple[str, str], Cast] = {
        ("TIMESTAMP", "DATE"): lambda value: value // 86_400_000,
        ("TIMESTAMP", "TIME"): lambda value: value % 86_400_000,
        ("DATE", "TIMESTAMP"): lambda value: value * 86_400_000,
    }
    return temporal.get((source.base, target.base))


def _number_cast(target: SqlType) -> Cast:
    if target.base == "DECIMAL":
        precision, scale = target.precision, target.scale
        return lambda value: fit_decimal(_exact(value), precision, scale)
    if target.base == "DOUBLE":
        return float
    return _to_integer if target.base == "INTEGER" else _to_bigint


def _exact(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _to_integer(value: Any) -> int:
    if isinstance(value, float):
        return _truncate(value, -(2**31), 2**31 - 1)
    return wrap32(int(value))


def _to_bigint(value: Any) -> int:
    if isinstance(value, float):
        return _truncate(value, -(2**63), 2**63 - 1)
    return wrap64(int(value))


def _truncate(value: float, low: int, high: int) -> int:
    """Cut a double off as Java does: NaN is 0, what is out of range is the nearest bound."""
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return high if value > 0 else low
    return min(max(int(value), low), high)


def _from_text(target: SqlType) -> Cast | None:
    if target.base == "DECIMAL":
        return lambda value: fit_decimal(_parse_decimal(value), target.precision, target.scale)
    readers: dict[str, Cast] = {
        "INTEGER": _whole(31),
        "BIGINT": _whole(63),
        "DOUBLE": _parse_double,
        "BOOLEAN": boolean_of,
        "TIMESTAMP": times.timestamp_of,
        "DATE": times.date_of,
        "TIME": times.time_of,
    }
    return readers.get(target.base)


def _whole(bits: int) -> Cast:
    low, high = -(2**bits), 2**bits - 1

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = high + 1
        if not low <= value <= high or "_" in text:
            raise EvaluationError(f'For input string: "{text}"')
        return value

    return read


def _parse_double(text: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise EvaluationError(f'For input string: "{text}"') from None


def _parse_decimal(text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise EvaluationError(f"'{text}' is not a number") from None


def boolean_of(text: str) -> bool:
    """Return true for prefixes of true and yes, false for everything else."""
    lower = text.strip().lower()
    return bool(lower) and ("true".startswith(lower) or "yes".startswith(lower))


def _nested(source: SqlType, target: SqlType) -> Cast | None:
    if source.base == target.base == "ARRAY" and source.item and target.item:
        cast_item = nullable(caster(source.item, target.item))
        return lambda value: [cast_item(item) for item in value]
    if source.base == target.base == "MAP" and source.item and target.item and source.key and target.key:
        cast_key, cast_value = nullable(caster(source.key, target.key)), nullable(caster(source.item, target.item))
        return lambda value: {cast_key(key): cast_value(item) for key, item in value.items()}
    if source.base == target.base == "STRUCT":
        return _struct_cast(source, target)
    return None


def _struct_cast(source: SqlType, target: SqlType) -> Cast:
    parts: list[tuple[int, Cast] | None] = []
    for name, kind in target.fields:
        found = source.field(name)
        parts.append((found[0], nullable(caster(found[1], kind))) if found else None)
    return lambda value: tuple(part[1](value[part[0]]) if part else None for part in parts)


def nullable(cast: Cast) -> Cast:
    """Return `cast` with null for null."""
    return lambda value: None if value is None else cast(value)


def text_writer(kind: SqlType) -> Cast:
    """Return the function that writes a non-null value of `kind` as Java's text of it."""
    simple: dict[str, Cast] = {
        "BOOLEAN": lambda value: "true" if value else "false",
        "INTEGER": str,
        "BIGINT": str,
        "STRING": _same,
        "DOUBLE": double_text,
        "DECIMAL": lambda value: format(value, "f"),
        "TIMESTAMP": times.timestamp_text,
        "DATE": times.date_text,
        "TIME": times.time_text,
        "BYTES": lambda value: value.hex(),
    }
    return simple.get(kind.base) or _nested_writer(kind)


def _nested_writer(kind: SqlType) -> Cast:
    if kind.base == "ARRAY" and kind.item:
        item = _or_null(text_writer(kind.item))
        return lambda value: "[" + ", ".join(map(item, value)) + "]"
    if kind.base == "MAP" and kind.item and kind.key:
        key, entry = _or_null(text_writer(kind.key)), _or_null(text_writer(kind.item))
        return lambda value: "{" + ", ".join([f"{key(name)}={entry(value[name])}" for name in visited(value)]) + "}"
    fields = [(name, _or_null(text_writer(field))) for name, field in kind.fields]
    return lambda value: (
        "Struct{"
        + ",".join(
            f"{name}={write(held)}" for (name, write), held in zip(fields, value, strict=True) if held is not None
        )
        + "}"
    )


def _or_null(write: Cast) -> Cast:
    return lambda value: "null" if value is None else write(value)


def double_text(value: float) -> str:
    """Return a double as Java's `Double.toString` writes it: 1.0, 1.0E10, NaN, Infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else format(Decimal(text), "f")
    sign, digits, exponent = Decimal(_shortest(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{int(exponent) + len(digits) - 1}"


def _shortest(value: float) -> str:
    """Return the fewest digits that mean `value`, of at least two the nearest: 4.9E-324, not 5E-324."""
    two = f"{value:.1e}"
    return two if float(two) == value else repr(value)


def literal_time(text: str, target: SqlType) -> int:
    """Return a literal written where a DATE, TIME or TIMESTAMP is expected. Raises StatementError."""
    if not is_temporal(target):
        raise StatementError(f"{target} is not a time")
    try:
        return {"TIMESTAMP": times.timestamp_of, "DATE": times.date_of, "TIME": times.time_of}[target.base](text)
    except EvaluationError as error:
        raise StatementError(str(error)) from error
