"""Avro records from and to plain JSON values, by their registered schema."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import fastavro

from ksql_engine.errors import SerializationError
from ksql_engine.formats.avro_types import inlined, is_map_entry
from ksql_engine.formats.avro_values import without_null

_HEADER_BYTES = 5
_PLAIN = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def to_avro(schema_id: int, schema: Any, given: Any) -> bytes:
    """Return a JSON value as a record of the schema, in the registry's wire format. Raises SerializationError."""
    out = io.BytesIO()
    out.write(b"\x00" + schema_id.to_bytes(4, "big"))
    try:
        fastavro.schemaless_writer(out, fastavro.parse_schema(_timeless(schema)), _native(schema, given, {}))
    except Exception as error:
        raise SerializationError(f"{given!r} is no record of {schema}: {error}") from error
    return out.getvalue()


def from_avro(schema: Any, data: bytes) -> Any:
    """Return a record in the registry's wire format as a JSON value; bytes as Base64."""
    found = fastavro.schemaless_reader(io.BytesIO(data[_HEADER_BYTES:]), fastavro.parse_schema(_timeless(schema)), None)
    return _shown(found, inlined(schema))


def _shown(value: Any, schema: Any) -> Any:
    """Return a decoded value as JSON; an array of a map's entries as an object."""
    schema = without_null(schema)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        items = without_null(schema["items"])
        shown = [_shown(held, items) for held in value]
        return {one["key"]: one["value"] for one in shown} if is_map_entry(items) else shown
    if isinstance(value, dict):
        types = {field["name"]: field["type"] for field in schema.get("fields", ())}
        return {name: _shown(held, types.get(name, schema.get("values"))) for name, held in value.items()}
    return value


def _timeless(schema: Any) -> Any:
    """Return the schema with logical times as their plain numbers."""
    if isinstance(schema, list):
        return [_timeless(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    keep = {name: value for name, value in schema.items() if name != "logicalType" or value == "decimal"}
    nested = ("type", "items", "values", "fields")
    return {name: _timeless(value) if name in nested else value for name, value in keep.items()}


def _native(schema: Any, given: Any, names: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return None if given is None else _of_union(schema, given, names)
    if isinstance(schema, str):
        return _plain(schema, given) if schema in _PLAIN else _native(names[schema], given, names)
    if "name" in schema:
        names[schema["name"]] = names[f"{schema.get('namespace', '')}.{schema['name']}"] = schema
    return _complex(schema, given, names)


def _complex(schema: Mapping[str, Any], given: Any, names: dict[str, Any]) -> Any:
    kind = schema["type"]
    if kind == "record":
        return _record(schema, given, names)
    if kind == "array":
        return [_native(schema["items"], held, names) for held in _entries(given)]
    if kind == "map":
        return {name: _native(schema["values"], held, names) for name, held in given.items()}
    if schema.get("logicalType") == "decimal":
        return Decimal(str(given)).quantize(Decimal(1).scaleb(-schema.get("scale", 0)))
    return given if kind == "enum" else _native(kind, given, names)


def _entries(given: Any) -> list[Any]:
    """Return a list as it is; a map, which Avro has as an array unless its keys are strings, as its entries."""
    return [{"key": key, "value": value} for key, value in given.items()] if isinstance(given, Mapping) else given


def _of_union(schema: list[Any], given: Any, names: dict[str, Any]) -> Any:
    problem: Exception | None = None
    for branch in schema:
        if branch == "null":
            continue
        try:
            return _native(branch, given, names)
        except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
            problem = error
    raise TypeError(f"{given!r} fits no branch of {schema}") from problem


def _record(schema: Mapping[str, Any], given: Mapping[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    upper = {name.upper(): value for name, value in given.items()}
    found: dict[str, Any] = {}
    for field in schema["fields"]:
        name = field["name"]
        if name in given or name.upper() in upper:
            found[name] = _native(field["type"], given.get(name, upper.get(name.upper())), names)
        else:
            found[name] = field.get("default")
    return found


def _plain(kind: str, given: Any) -> Any:
    if kind in ("int", "long"):
        return int(given)
    if kind in ("float", "double"):
        return float(given)
    if kind == "bytes":
        return base64.b64decode(given)
    if kind == "string" and not isinstance(given, str):
        raise TypeError(f"{given!r} is no text")
    return given
