"""Column types of an Avro schema (ksqlDB reference, "Schema inference")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ksql_engine.errors import StatementError
from ksql_engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    SqlType,
    array_type,
    decimal_type,
    map_type,
    struct_type,
)

_PRIMITIVE: Final = {
    "boolean": BOOLEAN,
    "int": INTEGER,
    "long": BIGINT,
    "float": DOUBLE,
    "double": DOUBLE,
    "string": STRING,
    "enum": STRING,
    "bytes": BYTES,
    "fixed": BYTES,
}
_LOGICAL: Final = {"timestamp-millis": TIMESTAMP, "date": DATE, "time-millis": TIME}


def column_type(schema: Any, *, upper: bool) -> SqlType:
    """Return the type a column has for `schema`; with `upper` the names of fields are made upper case.

    A union of several types is a STRUCT with a field for each, as Connect has it. Raises StatementError for a schema
    that no type holds: one that contains itself, or a union of nothing but null.
    """
    return _type(inlined(schema), upper)


def inlined(schema: Any, known: dict[str, Any] | None = None) -> Any:
    """Return the schema with each name of a type replaced by what it names; a record's own name inside it stays."""
    known = {} if known is None else known
    if isinstance(schema, list):
        return [inlined(branch, known) for branch in schema]
    if isinstance(schema, str):
        return known.get(schema.rpartition(".")[2], schema)
    made = {
        name: inlined(held, known) if name in ("type", "items", "values") else held for name, held in schema.items()
    }
    if "fields" in made:
        made["fields"] = [inlined(field, known) for field in made["fields"]]
    if made.get("type") in ("record", "enum", "fixed"):
        known[str(made.get("name", "")).rpartition(".")[2]] = made
    return made


def _type(schema: Any, upper: bool) -> SqlType:
    if isinstance(schema, list):
        return _union(schema, upper)
    if isinstance(schema, str):
        return _named(schema)
    kind = schema.get("type")
    return _complex(schema, kind, upper) if isinstance(kind, str) else _type(kind, upper)


def _union(schema: list[Any], upper: bool) -> SqlType:
    branches = [branch for branch in schema if branch != "null"]
    if not branches:
        raise StatementError("ksqlDB has no type for the Avro type 'null'")
    if len(branches) == 1:
        return _type(branches[0], upper)
    names = [branch_name(branch).upper() if upper else branch_name(branch) for branch in branches]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise StatementError(f"ksqlDB has no type for a union with several branches called '{double}'")
    return struct_type(*((name, _type(branch, upper)) for name, branch in zip(names, branches, strict=True)))


def branch_name(branch: Any) -> str:
    """Return the name of the field for a union's branch: its type, or what it is called itself, without namespace."""
    if isinstance(branch, str):
        return branch.rpartition(".")[2]
    kind = branch["type"]
    if kind in ("record", "enum", "fixed"):
        return str(branch["name"]).rpartition(".")[2]
    return kind if isinstance(kind, str) else branch_name(kind)


def _complex(schema: Mapping[str, Any], kind: str, upper: bool) -> SqlType:
    logical = schema.get("logicalType")
    if logical == "decimal" and kind in ("bytes", "fixed"):
        return decimal_type(int(schema["precision"]), int(schema.get("scale", 0)))
    if logical in _LOGICAL and kind in ("int", "long"):
        return _LOGICAL[logical]
    if kind == "record":
        names = [field["name"].upper() if upper else field["name"] for field in schema["fields"]]
        return struct_type(
            *((name, _type(field["type"], upper)) for name, field in zip(names, schema["fields"], strict=True))
        )
    if kind == "map":
        return map_type(STRING, _type(schema["values"], upper))
    if kind == "array":
        return _array(schema["items"], upper)
    return _named(kind)


def _named(name: str) -> SqlType:
    if name not in _PRIMITIVE:
        raise StatementError(f"ksqlDB has no type for the Avro type '{name}'")
    return _PRIMITIVE[name]


def _array(items: Any, upper: bool) -> SqlType:
    if is_map_entry(items):
        entry = {field["name"]: field["type"] for field in items["fields"]}
        return map_type(_type(entry["key"], upper), _type(entry["value"], upper))
    return array_type(_type(items, upper))


def is_map_entry(items: Any) -> bool:
    """Tell whether the items of an array are a map's entries, as a map with other than text keys is written."""
    if not isinstance(items, Mapping) or items.get("type") != "record":
        return False
    names = [field["name"] for field in items.get("fields", ())]
    marked = items.get("connect.internal.type") == "MapEntry" or items.get("name") == "MapEntry"
    return marked and sorted(names) == ["key", "value"]
