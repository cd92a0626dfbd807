"""KAFKA (one primitive, as Kafka's own serializers write it), DELIMITED (a line of CSV) and NONE (nothing)."""

from __future__ import annotations

import base64
import csv
import io
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from ksql_engine.errors import DeserializationError
from ksql_engine.expressions.casts import text_writer
from ksql_engine.formats.base import Reader, Writer
from ksql_engine.formats.coerce import exact_decimal
from ksql_engine.formats.java_numbers import decimal_of, double_of, whole_of
from ksql_engine.plan.model import Column
from ksql_engine.types import Row, SqlType, is_temporal

_PACKED = {"INTEGER": struct.Struct(">i"), "BIGINT": struct.Struct(">q"), "DOUBLE": struct.Struct(">d")}


def none_reader() -> Reader:
    """Return the reader of nothing."""
    return lambda data: ()


def none_writer() -> Writer:
    """Return the writer of nothing."""
    return lambda row: None


def kafka_reader(columns: Sequence[Column]) -> Reader:
    """Return the reader of one primitive."""
    base = columns[0].type.base if columns else ""
    packed = _PACKED.get(base)

    def read_packed(data: bytes) -> Row:
        if packed is None or len(data) != packed.size:
            raise DeserializationError(f"Size of data received is not {packed.size if packed else 0}: {len(data)}")
        return packed.unpack(data)

    def read_text(data: bytes) -> Row:
        try:
            return (data.decode("utf-8"),)
        except UnicodeDecodeError as error:
            raise DeserializationError(f"not UTF-8: {error}") from error

    if not columns:
        return lambda data: ()
    if base == "STRING":
        return read_text
    return read_packed if packed else lambda data: (data,)


def kafka_writer(columns: Sequence[Column]) -> Writer:
    """Return the writer of one primitive; null is no bytes."""
    base = columns[0].type.base if columns else ""
    packed = _PACKED.get(base)

    def write_text(row: Row) -> bytes | None:
        text: str | None = row[0]
        return None if text is None else text.encode()

    def write(row: Row) -> bytes | None:
        if not row or row[0] is None:
            return None
        return packed.pack(row[0]) if packed else bytes(row[0])

    return write_text if base == "STRING" else write


def delimited_reader(columns: Sequence[Column], delimiter: str) -> Reader:
    """Return the reader of a CSV line with exactly `columns`."""
    casts = [_field_reader(column.type) for column in columns]

    def read(data: bytes) -> Row | None:
        if not data:
            return None
        try:
            fields = next(csv.reader(io.StringIO(data.decode("utf-8")), delimiter=delimiter, strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise DeserializationError(f"Error deserializing delimited: {error}") from error
        if len(fields) != len(casts):
            raise DeserializationError(f"Unexpected field count, csvFields:{len(fields)} schemaFields:{len(casts)}")
        try:
            return tuple(cast(text) if text != "" else None for cast, text in zip(casts, fields, strict=True))
        except ValueError as error:
            raise DeserializationError(f"Error deserializing delimited: {error}") from error

    return read


def _field_reader(kind: SqlType) -> Callable[[str], Any]:
    if kind.base == "DECIMAL":
        return lambda text: exact_decimal(decimal_of(text), kind)
    bits = {"INTEGER": 31, "DATE": 31, "TIME": 31, "BIGINT": 63, "TIMESTAMP": 63}.get(kind.base)
    if bits is not None:
        return lambda text: whole_of(text, bits)
    return _FIELD_READERS[kind.base]


_FIELD_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "BYTES": lambda text: base64.b64decode(text, validate=True),
    "BOOLEAN": lambda text: text.lower() == "true",
    "DOUBLE": double_of,
    "STRING": str,
}


def _field_writer(kind: SqlType) -> Any:
    if kind.base == "BYTES":
        return lambda value: base64.b64encode(value).decode("ascii")
    return str if is_temporal(kind) else text_writer(kind)


def delimited_writer(columns: Sequence[Column], delimiter: str) -> Writer:
    """Return the writer of a CSV line."""
    writers = [_field_writer(column.type) for column in columns]

    def write(row: Row) -> bytes:
        fields = ["" if value is None else text(value) for text, value in zip(writers, row, strict=True)]
        first = row[:1] != (None,)
        quoted = [_quoted(field, delimiter, first and place == 0) for place, field in enumerate(fields)]
        return delimiter.join(quoted).encode("utf-8")

    return write


def _quoted(text: str, delimiter: str, first: bool) -> str:
    """Return a field with quotes where Apache Commons CSV, which ksqlDB writes with, has them."""
    if not text:
        return '""' if first else ""
    begin = text[0]
    plain = begin.isascii() and begin.isalnum() if first else begin > "#"
    if plain and text[-1] > " " and not any(mark in text for mark in (delimiter, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'
