"""CREATE STREAM and CREATE TABLE with declared columns: the source they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ksql_engine.dialect.statements import ColumnDefinition, CreateSource
from ksql_engine.errors import PrepareError, StatementError
from ksql_engine.plan import config as settings
from ksql_engine.plan import properties as with_clause
from ksql_engine.plan.config import NO_CONFIG, Config
from ksql_engine.plan.format_rules import check_formats, check_wrapping
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import RESERVED_NAMES, TABLE, Column, FormatSpec, HeaderColumn, Schema, Source
from ksql_engine.plan.replace import check_replacement, refused_replacement
from ksql_engine.plan.windows import check_windowed, declared_window
from ksql_engine.types import BYTES, STRING, SqlType, array_type, struct_type

_ALL_HEADERS: Final = array_type(struct_type(("KEY", STRING), ("VALUE", BYTES)))


def plan_source(statement: CreateSource, metastore: Metastore, config: Config = NO_CONFIG) -> Source:
    """Return the source a CREATE with declared columns makes. Raises StatementError."""
    properties = statement.properties
    key, value = declared_formats(statement, config)
    window = declared_window(properties)
    schema, headers = _declared(statement)
    check_wrapping(properties, value, schema)
    check_formats(key, value, schema)
    source = Source(
        statement.name,
        statement.kind,
        schema,
        str(properties["KAFKA_TOPIC"]),
        key,
        value,
        with_clause.time_column(properties, schema, settings.stops_at_invalid_time(config)),
        statement.text,
        partitions=with_clause.integer(properties, "PARTITIONS"),
        replicas=with_clause.integer(properties, "REPLICAS"),
        read_only=statement.read_only,
        window=window,
        headers=headers,
        retention_ms=with_clause.integer(properties, "RETENTION_MS"),
    )
    check_windowed(source)
    if statement.or_replace and statement.read_only:
        raise StatementError(refused_replacement(statement.kind, statement.name))
    existing = metastore.sources.get(source.name)
    if existing is not None and statement.or_replace:
        check_replacement(existing, source)
    return source


def declared_formats(statement: CreateSource, config: Config) -> tuple[FormatSpec, FormatSpec]:
    """Return the formats of keys and values that a CREATE names. Raises StatementError for a wrong WITH clause."""
    properties = statement.properties
    with_clause.check(properties, with_clause.SOURCE_NAMES)
    if "KAFKA_TOPIC" not in properties:
        raise PrepareError('Missing required property "KAFKA_TOPIC" which has no default value.')
    with_clause.check_retention(statement.kind, properties)
    default_value = settings.default_value_format(config)
    key = with_clause.key_format(properties, FormatSpec(settings.default_key_format(config)))
    value = with_clause.value_format(
        properties, FormatSpec(default_value) if default_value else None, settings.wraps_single_values(config)
    )
    return key, value


def _declared(statement: CreateSource) -> tuple[Schema, tuple[HeaderColumn, ...]]:
    columns = statement.columns
    check_names(columns)
    wrong, right = ("KEY", "PRIMARY KEY") if statement.kind == TABLE else ("PRIMARY KEY", "KEY")
    for column in columns:
        if column.role == wrong:
            raise StatementError(
                f"Line: {column.place.line}, Col: {column.place.column}: Column `{column.name}` is a '{wrong}' column: "
                f"please use '{right}' for {statement.kind.lower()}s."
            )
    keys = tuple(Column(column.name, column.type) for column in columns if column.role == right)
    values = tuple(Column(column.name, column.type) for column in columns if not column.role)
    headers = _headers([column for column in columns if column.role == "HEADERS"])
    if not keys and not values:
        raise StatementError("No columns supplied.")
    if statement.kind == TABLE and not keys:
        raise StatementError("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.")
    return Schema(keys, values), headers


def check_names(columns: Iterable[ColumnDefinition]) -> None:
    """Raise StatementError for a reserved name or one that is there twice."""
    seen: set[str] = set()
    for column in columns:
        if column.name in RESERVED_NAMES:
            raise StatementError(
                f"'{column.name}' is a reserved column name. You cannot use it as a name for a column."
            )
        if column.name in seen:
            raise StatementError(f"Duplicate column names: {column.name}")
        seen.add(column.name)


def _headers(columns: list[ColumnDefinition]) -> tuple[HeaderColumn, ...]:
    found: list[HeaderColumn] = []
    for column in columns:
        _check_header(column)
        found.append(HeaderColumn(column.name, column.type, column.header))
    keys = [header.key for header in found]
    if None in keys and len(keys) > 1:
        raise StatementError("Schema already contains a HEADERS column.")
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise StatementError(f"Schema already contains a HEADER('{twice}') column.")
    return tuple(found)


def _check_header(column: ColumnDefinition) -> None:
    wanted: SqlType = _ALL_HEADERS if column.header is None else BYTES
    if column.type != wanted:
        name = "HEADERS" if column.header is None else f"HEADER('{column.header}')"
        raise StatementError(f"Invalid type for {name} column: expected {wanted}, got {column.type}")
