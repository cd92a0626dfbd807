"""Decoded JSON to column values, by declared type (ksqlDB reference, "JSON")."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from json.encoder import encode_basestring
from typing import Any, Final

from ksql_engine.errors import DeserializationError, EvaluationError
from ksql_engine.expressions import times
from ksql_engine.formats.java_numbers import decimal_of, double_of, whole_of
from ksql_engine.types import SqlType

Coerce = Callable[[Any], Any]
_EXACT: Final = Context(prec=100)
_MOST_DIGITS: Final = 20


def json_coercion(kind: SqlType) -> Coerce:
    """Return the function from a decoded JSON value to a value of `kind`; it raises DeserializationError."""
    inner = _nested(kind) or _SIMPLE.get(kind.base) or _decimal(kind)

    def coerce(value: Any) -> Any:
        return None if value is None else inner(value)

    return coerce


def _nested(kind: SqlType) -> Coerce | None:
    if kind.base == "ARRAY" and kind.item:
        item = json_coercion(kind.item)
        return lambda value: [item(held) for held in _expect(value, list, kind)]
    if kind.base == "MAP" and kind.item:
        entry = json_coercion(kind.item)
        return lambda value: {str(name): entry(held) for name, held in _expect(value, dict, kind).items()}
    if kind.base == "STRUCT":
        fields = [(name, json_coercion(field)) for name, field in kind.fields]
        return lambda value: struct_of(_expect(value, dict, kind), fields)
    return None


def struct_of(value: Mapping[str, Any], fields: list[tuple[str, Coerce]]) -> tuple[Any, ...]:
    """Return the fields of a JSON object in order; names match exactly first, else in any case."""
    found = []
    upper: dict[str, Any] | None = None
    for name, coerce in fields:
        if name in value:
            found.append(coerce(value[name]))
            continue
        if upper is None:
            upper = {key.upper(): held for key, held in value.items()}
        found.append(coerce(upper.get(name.upper())))
    return tuple(found)


def _expect(value: Any, wanted: type, kind: SqlType) -> Any:
    if not isinstance(value, wanted):
        raise DeserializationError(f"Can't convert type. sourceType: {type(value).__name__}, requiredType: {kind}")
    return value


def _whole(bits: int) -> Coerce:
    low, high = -(2**bits), 2**bits

    def read(value: Any) -> int:
        if isinstance(value, bool):
            raise DeserializationError("Can't convert type. sourceType: boolean, requiredType: a number")
        if isinstance(value, str):
            return whole_of(value, bits)
        if isinstance(value, Decimal) and value.adjusted() > _MOST_DIGITS:
            raise DeserializationError(f"{value} is out of range")
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise DeserializationError(f"Can't convert {value!r} to a whole number") from error
        if not low <= number < high:
            raise DeserializationError(f"{value} is out of range")
        return number

    return read


def _double(value: Any) -> float:
    if isinstance(value, bool):
        raise DeserializationError("Can't convert type. sourceType: boolean, requiredType: DOUBLE")
    if isinstance(value, str):
        return double_of(value)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DeserializationError(f"Can't convert {value!r} to DOUBLE") from error


def _boolean(value: Any) -> bool:
    return bool(_expect(value, bool, SqlType("BOOLEAN")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def json_text(value: Any) -> str:
    """Return a decoded JSON value as text: without spaces, numbers with all their digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(name)}:{json_text(held)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _decimal(kind: SqlType) -> Coerce:
    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise DeserializationError(f"Can't convert {value!r} to {kind}")
        if isinstance(value, str):
            return exact_decimal(decimal_of(value), kind)
        return exact_decimal(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), kind)

    return read


def exact_decimal(number: Decimal, kind: SqlType) -> Decimal:
    """Return `number` with the scale of `kind`. Raises DeserializationError when it does not fit exactly."""
    if not number.is_finite():
        raise DeserializationError(f"{number} is not a {kind}")
    exponent = int(number.as_tuple().exponent)
    if -exponent > kind.scale:
        raise DeserializationError(
            f"Cannot fit decimal '{number}' into DECIMAL({kind.precision}, {kind.scale}) without rounding"
        )
    if len(number.as_tuple().digits) + exponent > kind.precision - kind.scale and number != 0:
        raise DeserializationError(f"Cannot fit decimal '{number}' into DECIMAL({kind.precision}, {kind.scale})")
    return number.quantize(Decimal(1).scaleb(-kind.scale), context=_EXACT)


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_expect(value, str, SqlType("BYTES")), validate=True)
    except ValueError as error:
        raise DeserializationError(f"not Base64: {error}") from error


def _time(parse: Callable[[str], int], bits: int) -> Coerce:
    whole = _whole(bits)

    def read(value: Any) -> int:
        if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
            try:
                return parse(value)
            except EvaluationError as error:
                raise DeserializationError(str(error)) from error
        return int(whole(value))

    return read


_SIMPLE: dict[str, Coerce] = {
    "INTEGER": _whole(31),
    "BIGINT": _whole(63),
    "DOUBLE": _double,
    "BOOLEAN": _boolean,
    "STRING": _text,
    "BYTES": _bytes,
    "TIMESTAMP": _time(times.timestamp_of, 63),
    "DATE": _time(times.date_of, 31),
    "TIME": _time(times.time_of, 31),
}
