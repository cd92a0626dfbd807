"""CREATE STREAM and CREATE TABLE, declared or AS SELECT: the source they make, and what a replacement may change."""

from __future__ import annotations

from dataclasses import replace

from ksql_engine.dialect.statements import CreateAsSelect, CreateSource, InsertInto
from ksql_engine.errors import StatementError
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan import properties as with_clause
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import RESERVED_NAMES, TABLE, Column, FormatSpec, QueryPlan, Schema, Source
from ksql_engine.plan.queries import plan_query
from ksql_engine.plan.windows import WINDOW_PROPERTIES, check_windowed, declared_window

_SOURCE_ONLY = frozenset({"WINDOW_TYPE", "WINDOW_SIZE", "KEY_SCHEMA_ID", "VALUE_SCHEMA_ID"})


def plan_source(statement: CreateSource, metastore: Metastore) -> Source:
    """Return the source a CREATE with declared columns makes. Raises StatementError."""
    properties = statement.properties
    with_clause.check_names(properties, _SOURCE_ONLY)
    unsupported = sorted((_SOURCE_ONLY - WINDOW_PROPERTIES) & set(properties))
    if unsupported:
        raise StatementError(f"{unsupported[0]} is not supported yet")
    if "KAFKA_TOPIC" not in properties:
        raise StatementError('Missing required property "KAFKA_TOPIC" which has no default value.')
    schema = _declared(statement)
    key = with_clause.key_format(properties, FormatSpec("KAFKA"))
    value = with_clause.value_format(properties, None)
    with_clause.check_format(key, schema, is_key=True)
    with_clause.check_format(value, schema, is_key=False)
    source = Source(
        statement.name,
        statement.kind,
        schema,
        str(properties["KAFKA_TOPIC"]),
        key,
        value,
        with_clause.time_column(properties, schema),
        statement.text,
        partitions=with_clause.integer(properties, "PARTITIONS"),
        replicas=with_clause.integer(properties, "REPLICAS"),
        read_only=statement.read_only,
        window=declared_window(properties),
    )
    check_windowed(source)
    existing = metastore.sources.get(source.name)
    if existing is not None and statement.or_replace:
        check_replacement(existing, source)
    return source


def _declared(statement: CreateSource) -> Schema:
    columns = statement.columns
    if not columns:
        raise StatementError("The statement does not define any columns.")
    seen: set[str] = set()
    for column in columns:
        if column.name in RESERVED_NAMES:
            raise StatementError(
                f"'{column.name}' is a reserved column name. You cannot use it as a name for a column."
            )
        if column.name in seen:
            raise StatementError(f"Duplicate column names: {column.name}")
        seen.add(column.name)
    wrong = "KEY" if statement.kind == TABLE else "PRIMARY KEY"
    right = "PRIMARY KEY" if statement.kind == TABLE else "KEY"
    for column in columns:
        if column.role == wrong:
            raise StatementError(
                f"Line: 1, Col: 1: Column `{column.name}` is a '{wrong}' column: please use "
                f"'{right}' for {statement.kind.lower()}s."
            )
    keys = tuple(Column(column.name, column.type) for column in columns if column.role)
    values = tuple(Column(column.name, column.type) for column in columns if not column.role)
    if statement.kind == TABLE and not keys:
        raise StatementError("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.")
    if not values:
        raise StatementError("The statement does not define any columns.")
    return Schema(keys, values)


def plan_create_as(statement: CreateAsSelect, metastore: Metastore, functions: FunctionRegistry) -> QueryPlan:
    """Return the plan of CREATE .. AS SELECT with its sink. Raises StatementError."""
    properties = statement.properties
    with_clause.check_names(properties)
    if statement.query.limit is not None:
        raise StatementError(f"CREATE {statement.kind} AS SELECT statements don't support LIMIT clause.")
    planned = plan_query(statement.query, metastore, functions, statement.name)
    plan, left = planned.plan, planned.left
    if plan.kind != statement.kind:
        raise StatementError(
            f"Invalid result type. Your SELECT query produces a {plan.kind}. Please use "
            f"CREATE {plan.kind} AS SELECT statement instead."
        )
    key = with_clause.key_format(properties, left.key_format)
    if not plan.schema.key and "KEY_FORMAT" not in properties:
        key = FormatSpec("NONE") if statement.query.partition_by else key
    elif key.name == "NONE" and plan.schema.key and "KEY_FORMAT" not in properties:
        key = FormatSpec("KAFKA")
    value = with_clause.value_format(properties, left.value_format)
    with_clause.check_format(key, plan.schema, is_key=True)
    with_clause.check_format(value, plan.schema, is_key=False)
    sink = Source(
        statement.name,
        statement.kind,
        plan.schema,
        str(properties.get("KAFKA_TOPIC", statement.name)),
        key,
        value,
        with_clause.time_column(properties, plan.schema),
        statement.text,
        partitions=with_clause.integer(properties, "PARTITIONS"),
        replicas=with_clause.integer(properties, "REPLICAS"),
        window=plan.window,
    )
    existing = metastore.sources.get(sink.name)
    if existing is not None and statement.or_replace:
        check_replacement(existing, sink)
    return replace(plan, sink=sink)


def plan_insert(statement: InsertInto, metastore: Metastore, functions: FunctionRegistry) -> QueryPlan:
    """Return the plan of INSERT INTO .. SELECT with its sink. Raises StatementError."""
    sink = metastore.source(statement.target)
    if sink.is_table:
        raise StatementError(f"INSERT INTO can only be used to insert into a stream. {sink.name} is a table.")
    if sink.read_only:
        raise StatementError(f"Cannot insert into read-only stream: {sink.name}")
    planned = plan_query(statement.query, metastore, functions, statement.target)
    if planned.plan.kind == TABLE:
        raise StatementError("Invalid result type. Your SELECT query produces a TABLE. INSERT INTO needs a STREAM.")
    made, wanted = planned.plan.schema, sink.schema
    if [c.type for c in made.key] != [c.type for c in wanted.key] or made.value != wanted.value:
        raise StatementError(
            f"Incompatible schema between results and sink. Result schema is {made}, but the sink schema is {wanted}."
        )
    return replace(planned.plan, schema=wanted, sink=sink)


def check_replacement(old: Source, new: Source) -> None:
    """Raise StatementError when CREATE OR REPLACE would change what must stay: key, type, topic, formats, columns."""
    name = f"Cannot replace {old.kind.lower()} `{old.name}`: "
    if old.read_only or new.read_only:
        raise StatementError(name + "CREATE OR REPLACE is not supported on source streams and tables.")
    if old.kind != new.kind:
        raise StatementError(f"{name}it is a {old.kind}, not a {new.kind}")
    if old.topic != new.topic:
        raise StatementError(
            f"Cannot upgrade data source: DataSource '`{old.name}`' has topic = {old.topic} which is "
            f"not upgradeable to {new.topic}"
        )
    if old.key_format != new.key_format or old.value_format != new.value_format:
        raise StatementError(
            f"Cannot upgrade data source: DataSource '`{old.name}`' has formats "
            f"{old.key_format.name}/{old.value_format.name} which are not upgradeable to "
            f"{new.key_format.name}/{new.value_format.name}"
        )
    if old.schema.key != new.schema.key or new.schema.value[: len(old.schema.value)] != old.schema.value:
        raise StatementError(
            f"Cannot upgrade data source: DataSource '`{old.name}`' has schema = {old.schema} which "
            f"is not upgradeable to {new.schema}. (The following columns are changed, missing or "
            f"reordered: {_changed(old.schema, new.schema)})"
        )


def _changed(old: Schema, new: Schema) -> str:
    kept = [column for column in old.value if column not in new.value]
    if old.key != new.key:
        kept = [*old.key, *kept]
    return "[" + ", ".join(f"`{column.name}` {column.type}" for column in kept or old.value) + "]"
