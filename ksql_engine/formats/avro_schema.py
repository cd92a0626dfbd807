"""Avro schemas for sinks, as ksqlDB's Connect converter writes them: every field is a union with null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ksql_engine.plan.model import Column
from ksql_engine.types import SqlType

NAMESPACE: Final = "io.confluent.ksql.avro_schemas"
VALUE_NAME: Final = f"{NAMESPACE}.KsqlDataSourceSchema"
_CONNECT: Final = "org.apache.kafka.connect.data"
_PRIMITIVE: Final = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "DOUBLE": "double",
    "STRING": "string",
    "BYTES": "bytes",
}
_LOGICAL: Final = {
    "TIMESTAMP": ("long", "timestamp-millis", "Timestamp"),
    "DATE": ("int", "date", "Date"),
    "TIME": ("int", "time-millis", "Time"),
}


def key_name(source: str) -> str:
    """Return the name of the key record of a source: that of `ORDER_LINES` is `..OrderLinesKey`."""
    return f"{NAMESPACE}.{''.join(part.capitalize() for part in source.split('_'))}Key"


def columns_schema(columns: Sequence[Column], wrapped: bool, full_name: str) -> Any:
    """Return the schema of a key or value: a record of its columns, or the type of its only one."""
    return record_schema(columns, full_name) if wrapped else type_schema(columns[0].type, full_name)


def record_schema(columns: Sequence[Column], full_name: str) -> dict[str, Any]:
    """Return the record schema of `columns` called `full_name`."""
    return _record(full_name, [(column.name, column.type) for column in columns], None)


def type_schema(kind: SqlType, full_name: str, inside: str | None = None) -> Any:
    """Return the schema of a type; a record is called `full_name`, and says its namespace unless it is `inside` it."""
    if kind.base in _PRIMITIVE:
        return _PRIMITIVE[kind.base]
    if kind.base in _LOGICAL:
        base, logical, name = _LOGICAL[kind.base]
        return {"type": base, "connect.version": 1, "connect.name": f"{_CONNECT}.{name}", "logicalType": logical}
    if kind.base == "DECIMAL":
        return _decimal(kind)
    if kind.base == "ARRAY" and kind.item:
        return {"type": "array", "items": ["null", type_schema(kind.item, full_name, inside)]}
    if kind.base == "MAP" and kind.item and kind.key:
        return _entries(kind.key, kind.item, full_name, inside)
    return _record(full_name, kind.fields, inside)


def _record(full_name: str, fields: Sequence[tuple[str, SqlType]], inside: str | None) -> dict[str, Any]:
    return {**_body(full_name, fields, inside), "connect.name": full_name}


def _body(full_name: str, fields: Sequence[tuple[str, SqlType]], inside: str | None) -> dict[str, Any]:
    namespace, _, name = full_name.rpartition(".")
    return {
        "type": "record",
        "name": name,
        **({"namespace": namespace} if namespace and namespace != inside else {}),
        "fields": [
            {"name": field, "type": ["null", type_schema(kind, f"{full_name}_{field}", namespace)], "default": None}
            for field, kind in fields
        ],
    }


def _decimal(kind: SqlType) -> dict[str, Any]:
    return {
        "type": "bytes",
        "scale": kind.scale,
        "precision": kind.precision,
        "connect.version": 1,
        "connect.parameters": {"scale": str(kind.scale), "connect.decimal.precision": str(kind.precision)},
        "connect.name": f"{_CONNECT}.Decimal",
        "logicalType": "decimal",
    }


def _entries(key: SqlType, item: SqlType, full_name: str, inside: str | None) -> dict[str, Any]:
    """Return the schema of a map: an array of entries, because its keys, like all columns, may be null."""
    namespace = full_name.rpartition(".")[0]
    entry = _body(full_name, (), inside)
    entry["fields"] = [
        {"name": "key", "type": ["null", type_schema(key, f"{full_name}_MapKey", namespace)], "default": None},
        {"name": "value", "type": ["null", type_schema(item, f"{full_name}_MapValue", namespace)], "default": None},
    ]
    entry["connect.internal.type"] = "MapEntry"
    return {"type": "array", "items": entry, "connect.name": full_name}
