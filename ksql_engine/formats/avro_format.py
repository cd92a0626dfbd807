"""AVRO in the schema registry's wire format: a zero byte, the schema's id in 4 bytes, then the record.

Each record is read with the schema it was written with; its fields are matched to columns by name in any case.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import fastavro

from ksql_engine.errors import DeserializationError, SchemaNotFoundError, SerializationError
from ksql_engine.formats.avro_code import RowReader, record_writer, row_reader
from ksql_engine.formats.avro_types import inlined, is_map_entry
from ksql_engine.formats.avro_unions import union_conversion, with_union_records
from ksql_engine.formats.avro_values import avro_value, record_value, without_null
from ksql_engine.formats.base import Reader, SchemaRegistry, Writer
from ksql_engine.formats.coerce import exact_decimal
from ksql_engine.plan.model import Column
from ksql_engine.types import Row, SqlType

_HEADER = struct.Struct(">bI")
_RAW_TIMES = {"timestamp-millis", "timestamp-micros", "date", "time-millis", "time-micros", "local-timestamp-millis"}
Convert = Callable[[Any], Any]


def avro_reader(columns: Sequence[Column], wrapped: bool, registry: SchemaRegistry) -> Reader:
    """Return the reader of Avro with `columns`; not `wrapped` reads a single column alone."""
    readers: dict[int, Convert] = {}
    schemas: dict[int, Any] = {}
    direct: dict[bytes, RowReader] = {}

    def load(schema_id: int) -> None:
        try:
            schema = registry.schema_by_id(schema_id)
        except SchemaNotFoundError as error:
            raise DeserializationError(f"Error retrieving Avro schema for id {schema_id}: {error}") from error
        kind = SqlType("STRUCT", fields=tuple((column.name, column.type) for column in columns))
        parsed = fastavro.parse_schema(with_union_records(_without_times(schema)))
        whole = inlined(schema)
        readers[schema_id] = conversion(whole, kind) if wrapped else conversion(whole, columns[0].type)
        schemas[schema_id] = parsed
        generated = row_reader(schema, columns) if wrapped else None
        if generated is not None:
            direct[_HEADER.pack(0, schema_id)] = generated

    def read(data: bytes) -> Row | None:
        generated = direct.get(data[: _HEADER.size])
        if generated is None:
            return general(data)
        try:
            return generated(data, _HEADER.size)
        except Exception:
            return general(data)

    def general(data: bytes) -> Row | None:
        if len(data) < _HEADER.size or data[0] != 0:
            raise DeserializationError("Unknown magic byte!" if data else "Error deserializing an empty message")
        schema_id = _HEADER.unpack_from(data)[1]
        if schema_id not in readers:
            load(schema_id)
        try:
            decoded = fastavro.schemaless_reader(io.BytesIO(data[_HEADER.size :]), schemas[schema_id], None)
            row = readers[schema_id](decoded)
        except DeserializationError:
            raise
        except Exception as error:
            raise DeserializationError(f"Error deserializing Avro message for id {schema_id}: {error}") from error
        return row if wrapped else (row,)

    return read


def _without_times(schema: Any) -> Any:
    """Return the schema with logical times as their plain numbers, which is how columns hold them."""
    if isinstance(schema, list):
        return [_without_times(one) for one in schema]
    if isinstance(schema, dict):
        changed = {
            name: _without_times(value) if name in ("type", "items", "values", "fields") else value
            for name, value in schema.items()
        }
        if changed.get("logicalType") in _RAW_TIMES:
            del changed["logicalType"]
        return changed
    return schema


def conversion(schema: Any, kind: SqlType) -> Convert:
    """Return the function from a decoded value of `schema` to one of `kind`; it raises DeserializationError."""
    schema = without_null(schema)
    if isinstance(schema, list):
        return union_conversion(schema, kind, conversion)
    if kind.base == "STRUCT":
        return _struct_conversion(schema, kind)
    if kind.base == "ARRAY" and kind.item:
        item = conversion(schema.get("items") if isinstance(schema, dict) else schema, kind.item)
        return lambda value: None if value is None else [item(held) for held in _checked(value, list, kind)]
    if kind.base == "MAP" and kind.item and kind.key and _are_entries(schema):
        return _entries_conversion(schema, kind.key, kind.item)
    if kind.base == "MAP" and kind.item:
        entry = conversion(schema.get("values") if isinstance(schema, dict) else schema, kind.item)
        return lambda value: (
            None if value is None else {name: entry(held) for name, held in _checked(value, dict, kind).items()}
        )
    return _plain(schema, kind)


def _are_entries(schema: Any) -> bool:
    return (
        isinstance(schema, dict) and schema.get("type") == "array" and is_map_entry(without_null(schema.get("items")))
    )


def _entries_conversion(schema: Any, key: SqlType, item: SqlType) -> Convert:
    """Return the conversion of a map that is written as an array of entries."""
    types = {field["name"]: field["type"] for field in without_null(schema["items"])["fields"]}
    read_key, read_value = conversion(types["key"], key), conversion(types["value"], item)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        return {read_key(entry["key"]): read_value(entry["value"]) for entry in _checked(value, list, SqlType("MAP"))}

    return convert


def _struct_conversion(schema: Any, kind: SqlType) -> Convert:
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    exact = {field["name"]: field for field in fields}
    upper = {field["name"].upper(): field for field in fields}
    parts: list[tuple[str, Convert] | None] = []
    for name, field_kind in kind.fields:
        field = exact.get(name) or upper.get(name.upper())
        parts.append((field["name"], conversion(field["type"], field_kind)) if field else None)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise DeserializationError(f"Can't convert {type(value).__name__} to {kind.base}")
        return tuple([part[1](value[part[0]]) if part else None for part in parts])

    return convert


def _checked(value: Any, wanted: type, kind: SqlType) -> Any:
    if not isinstance(value, wanted):
        raise DeserializationError(f"Can't convert {type(value).__name__} to {kind}")
    return value


_ACCEPTED: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "BIGINT": (int,),
    "DOUBLE": (float, int),
    "BOOLEAN": (bool,),
    "BYTES": (bytes,),
    "TIMESTAMP": (int,),
    "DATE": (int,),
    "TIME": (int,),
}


def _plain(schema: Any, kind: SqlType) -> Convert:
    logical = schema.get("logicalType") if isinstance(schema, dict) else None
    divide = 1000 if logical in ("timestamp-micros", "time-micros") else 1
    if kind.base == "STRING":
        return lambda value: value if value is None or type(value) is str else _as_text(value)
    if kind.base == "DECIMAL":
        return lambda value: None if value is None else exact_decimal(_checked(value, Decimal, kind), kind)
    accepted = _ACCEPTED[kind.base]
    bound = 2**31 if kind.base == "INTEGER" else 2**63
    double = kind.base == "DOUBLE"

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if type(value) not in accepted:
            raise DeserializationError(f"Can't convert {type(value).__name__} to {kind}")
        if double:
            return float(value)
        if type(value) is int and not -bound <= value < bound:
            raise DeserializationError(f"{value} is out of range for {kind}")
        return value // divide if divide > 1 else value

    return convert


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    raise DeserializationError(f"Can't convert {type(value).__name__} to STRING")


def avro_writer(columns: Sequence[Column], wrapped: bool, schema_id: int, schema: Any) -> Writer:
    """Return the writer of `columns` with a registered schema."""
    parsed = fastavro.parse_schema(_without_times(schema))
    header = _HEADER.pack(0, schema_id)
    whole = without_null(inlined(schema))
    if wrapped:
        make = record_value(tuple((column.name, column.type) for column in columns), whole)
    else:
        make = avro_value(columns[0].type, whole)
    generated = record_writer(whole, columns, header) if wrapped else None

    def write(row: Row) -> bytes | None:
        if generated is None:
            return general(row)
        try:
            return generated(row)
        except Exception:
            return general(row)

    def general(row: Row) -> bytes | None:
        if not wrapped and row[0] is None:
            return None
        out = io.BytesIO(header)
        out.seek(len(header))
        try:
            fastavro.schemaless_writer(out, parsed, make(row if wrapped else row[0]))
        except Exception as error:
            raise SerializationError(f"Failed to serialize Avro data: {error}") from error
        return out.getvalue()

    return write
