"""Avro schemas for sinks: every field a union with null, named after the column (ksqlDB reference, "Avro")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ksql_engine.plan.model import Column
from ksql_engine.types import SqlType

NAMESPACE: Final = "io.confluent.ksql.avro_schemas"
VALUE_NAME: Final = f"{NAMESPACE}.KsqlDataSourceSchema"
_PRIMITIVE: Final = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "DOUBLE": "double",
    "STRING": "string",
    "BYTES": "bytes",
}
_LOGICAL: Final = {
    "TIMESTAMP": ("long", "timestamp-millis"),
    "DATE": ("int", "date"),
    "TIME": ("int", "time-millis"),
}


def key_name(source: str) -> str:
    """Return the name of the key record of a source: that of `ORDER_LINES` is `..OrderLinesKey`."""
    return f"{NAMESPACE}.{''.join(part.capitalize() for part in source.split('_'))}Key"


def record_schema(columns: Sequence[Column], full_name: str) -> dict[str, Any]:
    """Return the record schema of `columns` called `full_name`."""
    return _record(full_name, [(column.name, column.type) for column in columns])


def _record(full_name: str, fields: Sequence[tuple[str, SqlType]]) -> dict[str, Any]:
    namespace, _, name = full_name.rpartition(".")
    return {
        "type": "record",
        "name": name,
        "namespace": namespace,
        "fields": [
            {"name": field, "type": ["null", type_schema(kind, f"{full_name}_{field}")], "default": None}
            for field, kind in fields
        ],
        "connect.name": full_name,
    }


def columns_schema(columns: Sequence[Column], wrapped: bool, full_name: str) -> Any:
    """Return the schema of a key or value: a record of its columns, or the type of its only one."""
    return record_schema(columns, full_name) if wrapped else type_schema(columns[0].type, full_name)


def type_schema(kind: SqlType, full_name: str) -> Any:
    """Return the schema of a type; nested records are called `full_name`."""
    if kind.base in _PRIMITIVE:
        return _PRIMITIVE[kind.base]
    if kind.base in _LOGICAL:
        base, logical = _LOGICAL[kind.base]
        return {"type": base, "logicalType": logical}
    if kind.base == "DECIMAL":
        return {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    if kind.base == "ARRAY" and kind.item:
        return {"type": "array", "items": ["null", type_schema(kind.item, full_name)]}
    if kind.base == "MAP" and kind.item and kind.key:
        return _map_schema(kind.key, kind.item, full_name)
    return _record(full_name, kind.fields)


def _map_schema(key: SqlType, item: SqlType, full_name: str) -> Any:
    if key.base == "STRING":
        return {"type": "map", "values": ["null", type_schema(item, f"{full_name}_MapValue")]}
    entry = _record(f"{full_name}_MapEntry", [("key", key), ("value", item)])
    return {"type": "array", "items": entry}
