"""JSON: objects by column name; a single unwrapped column as the value alone. Numbers keep their digits."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn

from ksql_engine.errors import DeserializationError, SerializationError
from ksql_engine.formats.base import Reader, Writer
from ksql_engine.formats.coerce import json_coercion, struct_of
from ksql_engine.formats.json_code import object_reader, object_writer
from ksql_engine.plan.model import Column
from ksql_engine.types import Row, SqlType, struct_type

Encode = Callable[[Any], str]


def json_reader(columns: Sequence[Column], wrapped: bool) -> Reader:
    """Return the reader of JSON values with `columns`; not `wrapped` reads a single column alone."""
    general = general_reader(columns, wrapped)
    return object_reader(columns, general) if wrapped else general


def general_reader(columns: Sequence[Column], wrapped: bool) -> Reader:
    """Return the reader that knows every type and converts what can be; see `json_reader`."""
    exact = any(_keeps_digits(column.type) for column in columns)
    parse = json.JSONDecoder(parse_float=Decimal if exact else None, parse_constant=_no_number).decode
    fields = [(column.name, json_coercion(column.type)) for column in columns]

    def read(data: bytes) -> Row | None:
        if not data:
            return None
        try:
            value = parse(data.decode("utf-8"))
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise DeserializationError(f"Failed to deserialize value: {error}") from error
        if not wrapped:
            return (fields[0][1](value),)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise DeserializationError(
                f"Failed to deserialize value: an object was expected, not {type(value).__name__}"
            )
        return struct_of(value, fields)

    return read


def _no_number(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python would read: JSON has no such numbers."""
    raise ValueError(f"Non-standard token '{name}'")


def _keeps_digits(kind: SqlType) -> bool:
    """Tell whether numbers are to keep their digits: as decimals, or as text."""
    return kind.base in ("DECIMAL", "STRING") or any(map(_keeps_digits, kind.inner))


def json_writer(columns: Sequence[Column], wrapped: bool) -> Writer:
    """Return the writer of `columns` as JSON, nulls written out."""
    general = general_writer(columns, wrapped)
    encoders = [json_encoder(column.type) for column in columns]
    return object_writer(columns, encoders, general) if wrapped else general


def general_writer(columns: Sequence[Column], wrapped: bool) -> Writer:
    """Return the writer that takes any names and says what it cannot write; see `json_writer`."""
    whole = struct_type(*((column.name, column.type) for column in columns)) if wrapped else columns[0].type
    encode = json_encoder(whole)

    def write(row: Row) -> bytes | None:
        value = row if wrapped else row[0]
        try:
            return None if value is None else encode(value).encode("utf-8")
        except (TypeError, ValueError, AttributeError) as error:
            raise SerializationError(f"Failed to serialize value: {error}") from error

    return write


def json_encoder(kind: SqlType) -> Encode:
    """Return the function that writes a value of `kind` as JSON text, null included."""
    inner = _nested(kind) or _SIMPLE.get(kind.base, str)

    def encode(value: Any) -> str:
        return "null" if value is None else inner(value)

    return encode


def _nested(kind: SqlType) -> Encode | None:
    if kind.base == "ARRAY" and kind.item:
        item = json_encoder(kind.item)
        return lambda value: "[" + ",".join([item(held) for held in value]) + "]"
    if kind.base == "MAP" and kind.item:
        entry = json_encoder(kind.item)
        return lambda value: (
            "{"
            + ",".join(
                [
                    encode_basestring("null" if name is None else str(name)) + ":" + entry(held)
                    for name, held in value.items()
                ]
            )
            + "}"
        )
    if kind.base == "STRUCT":
        fields = [(encode_basestring(name) + ":", json_encoder(field)) for name, field in kind.fields]
        return lambda value: (
            "{" + ",".join([name + encode(held) for (name, encode), held in zip(fields, value, strict=True)]) + "}"
        )
    return None


def _double(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    return repr(value)


_SIMPLE: dict[str, Encode] = {
    "STRING": encode_basestring,
    "DOUBLE": _double,
    "BOOLEAN": lambda value: "true" if value else "false",
    "DECIMAL": lambda value: format(value, "f"),
    "BYTES": lambda value: f'"{base64.b64encode(value).decode()}"',
    "null": lambda value: "null",
}
