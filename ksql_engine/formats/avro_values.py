"""Column values to what the Avro writer takes for a schema: structs become records, maps maps or arrays of entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksql_engine.formats.avro_types import is_map_entry
from ksql_engine.types import SqlType

Convert = Callable[[Any], Any]


def avro_value(kind: SqlType, schema: Any) -> Convert:
    """Return the function from a value of `kind` to one of `schema`, in which names of types are replaced."""
    inner = _inner(kind, without_null(schema))
    return inner if inner is _same else lambda value: None if value is None else inner(value)


def _inner(kind: SqlType, schema: Any) -> Convert:
    if not isinstance(schema, dict):
        return _same
    if kind.base == "STRUCT" and schema.get("type") == "record":
        return record_value(kind.fields, schema)
    if kind.base == "ARRAY" and kind.item and schema.get("type") == "array":
        item = avro_value(kind.item, schema["items"])
        return lambda value: [item(held) for held in value]
    if kind.base == "MAP" and kind.item:
        return _map(kind.item, schema)
    return _same


def _same(value: Any) -> Any:
    return value


def record_value(fields: tuple[tuple[str, SqlType], ...], schema: Any) -> Convert:
    """Return the function from the tuple of `fields` to a record; a null where none is taken is left to the default."""
    known = {field["name"]: field for field in schema["fields"]}
    parts = [(name, avro_value(kind, known[name]["type"]) if name in known else _same) for name, kind in fields]
    defaulted = {name for name, field in known.items() if "default" in field and not _takes_null(field["type"])}
    if not defaulted:
        return lambda row: {name: make(held) for (name, make), held in zip(parts, row, strict=True)}
    return lambda row: {
        name: make(held)
        for (name, make), held in zip(parts, row, strict=True)
        if held is not None or name not in defaulted
    }


def _map(item: SqlType, schema: Any) -> Convert:
    items = without_null(schema.get("items"))
    if not is_map_entry(items):
        value_of = avro_value(item, schema.get("values"))
        return lambda value: {name: value_of(held) for name, held in value.items()}
    types = {field["name"]: field["type"] for field in items["fields"]}
    entry = avro_value(item, types["value"])
    return lambda value: [{"key": name, "value": entry(held)} for name, held in value.items()]


def without_null(schema: Any) -> Any:
    """Return the branch of a union that is not null; other unions as they are."""
    if isinstance(schema, list):
        branches = [one for one in schema if one != "null"]
        return branches[0] if len(branches) == 1 else schema
    if isinstance(schema, dict) and isinstance(schema.get("type"), (dict, list)):
        return without_null(schema["type"])
    return schema


def _takes_null(schema: Any) -> bool:
    return schema == "null" or (isinstance(schema, list) and "null" in schema)
