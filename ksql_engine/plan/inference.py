"""Columns that a CREATE leaves out, taken from the schema registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ksql_engine.dialect.statements import ColumnDefinition, CreateSource
from ksql_engine.errors import PrepareError, SchemaNotFoundError, StatementError
from ksql_engine.formats.avro_types import column_type
from ksql_engine.formats.base import SchemaRegistry
from ksql_engine.plan.config import NO_CONFIG, Config
from ksql_engine.plan.declare import declared_formats
from ksql_engine.plan.model import TABLE, Column, FormatSpec, QueryPlan
from ksql_engine.types import SqlType

INFERRED: Final = ("AVRO",)
_KEY_NAME, _VALUE_NAME = "ROWKEY", "ROWVAL"


def infer_columns(statement: CreateSource, schemas: SchemaRegistry | None, config: Config = NO_CONFIG) -> CreateSource:
    """Return the statement with the key or value columns it leaves out. Raises StatementError.

    Declared columns stay as they are. Names are made upper case, except with the id of a schema.
    """
    key, value = declared_formats(statement, config)
    columns = statement.columns
    has_keys = any(column.role in ("KEY", "PRIMARY KEY") for column in columns)
    has_values = any(not column.role for column in columns)
    _check_ids(key, value, has_keys, has_values)
    added: list[ColumnDefinition] = []
    if not has_keys and key.name in INFERRED:
        role = "PRIMARY KEY" if statement.kind == TABLE else "KEY"
        found = _columns(statement, key, schemas, is_key=True)
        added += [ColumnDefinition(column.name, column.type, role) for column in found]
    if not has_values and value.name in INFERRED:
        found = _columns(statement, value, schemas, is_key=False)
        added += [ColumnDefinition(column.name, column.type) for column in found]
    if not added:
        return statement
    keys = [column for column in (*columns, *added) if column.role in ("KEY", "PRIMARY KEY")]
    rest = [column for column in (*columns, *added) if column not in keys]
    return replace(statement, columns=(*keys, *rest))


def _check_ids(key: FormatSpec, value: FormatSpec, has_keys: bool, has_values: bool) -> None:
    for spec, declared, part in ((key, has_keys, "KEY"), (value, has_values, "VALUE")):
        if spec.schema_id is not None and declared:
            raise PrepareError(f"Table elements and {part}_SCHEMA_ID cannot both exist for create statement.")


def _columns(
    statement: CreateSource, spec: FormatSpec, schemas: SchemaRegistry | None, *, is_key: bool
) -> list[Column]:
    topic = str(statement.properties["KAFKA_TOPIC"])
    schema = _schema(topic, spec, schemas, is_key)
    try:
        kind = column_type(schema, upper=spec.schema_id is None)
        return _as_columns(kind, unwrap=is_key or not spec.wrap, name=_KEY_NAME if is_key else _VALUE_NAME)
    except StatementError as error:
        raise StatementError(
            f"Unable to verify if the {'key' if is_key else 'value'} schema for topic: {topic} is compatible with "
            f"ksqlDB.\nReason: {error}"
        ) from error


def _as_columns(kind: SqlType, *, unwrap: bool, name: str) -> list[Column]:
    if unwrap:
        return [Column(name, kind)]
    if kind.base != "STRUCT":
        raise StatementError(
            "Schema returned from schema registry is anonymous type. To use this schema with ksqlDB, set "
            "'WRAP_SINGLE_VALUE=false' in the WITH clause properties."
        )
    if not kind.fields:
        raise StatementError("Schema does not include any columns with types that ksqlDB supports.")
    return [Column(field, held) for field, held in kind.fields]


def _schema(topic: str, spec: FormatSpec, schemas: SchemaRegistry | None, is_key: bool) -> Any:
    if schemas is None:
        raise StatementError(
            "KSQL is not configured to use a schema registry. To enable it, please set ksql.schema.registry.url"
        )
    part, subject = ("keys", f"{topic}-key") if is_key else ("values", f"{topic}-value")
    if spec.schema_id is not None:
        return schema_of_id(schemas, spec.schema_id, part, topic)
    found = schemas.latest(subject)
    if found is None:
        raise StatementError(
            f"Schema for message {part} on topic '{topic}' does not exist in the Schema Registry.\nSubject: {subject}\n"
            f"Register a schema under this subject, declare the columns, or check the topic's name and format."
        )
    return found.schema


def schema_of_id(schemas: SchemaRegistry, schema_id: int, part: str, topic: str) -> Any:
    """Return the schema with an id. Raises StatementError when there is none."""
    try:
        return schemas.schema_by_id(schema_id)
    except SchemaNotFoundError as error:
        raise StatementError(
            f"Schema for message {part} on topic '{topic}' does not exist in the Schema Registry.\n"
            f"Schema Id: {schema_id}"
        ) from error


def check_sink_schemas(plan: QueryPlan, schemas: SchemaRegistry | None) -> None:
    """Raise StatementError when a sink's columns do not go with the schema whose id its WITH clause gives.

    Each column is to be there in its place with the same name and type; the schema may have more after them.
    """
    sink = plan.sink
    if sink is None or schemas is None:
        return
    topic = sink.topic
    key, value = (sink.key_format, sink.schema.key), (sink.value_format, sink.schema.value)
    for (spec, columns), part in ((key, "key"), (value, "value")):
        if spec.schema_id is None:
            continue
        kind = column_type(schema_of_id(schemas, spec.schema_id, f"{part}s", topic), upper=False)
        name = _KEY_NAME if part == "key" else _VALUE_NAME
        held = _as_columns(kind, unwrap=part == "key" or (len(columns) == 1 and not spec.wrap), name=name)
        wrong = [column for place, column in enumerate(columns) if not _fits(column, held[place : place + 1], part)]
        if wrong:
            raise StatementError(
                f"The following {part} columns are changed, missing or reordered: {_shown(wrong)}. "
                f"Schema from schema registry is {_shown(held)}"
            )


def _fits(column: Column, held: Sequence[Column], part: str) -> bool:
    same_name = part == "key" or (bool(held) and held[0].name == column.name)
    return bool(held) and same_name and held[0].type == column.type


def _shown(columns: Sequence[Column]) -> str:
    return "[" + ", ".join(f"`{column.name}` {column.type}" for column in columns) + "]"
