"""CREATE .. AS SELECT and INSERT INTO .. SELECT: the plan of the query with its sink."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import CreateAsSelect, InsertInto, Query
from ksql_engine.errors import StatementError
from ksql_engine.expressions.arithmetic import fit_decimal
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan import config as settings
from ksql_engine.plan import properties as with_clause
from ksql_engine.plan.config import NO_CONFIG, Config
from ksql_engine.plan.format_rules import check_formats, check_wrapping
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import TABLE, FormatSpec, QueryPlan, Source
from ksql_engine.plan.queries import Planned, plan_query
from ksql_engine.plan.replace import check_replacement
from ksql_engine.plan.statement_text import create_as_text
from ksql_engine.plan.windows import check_windowed, sink_retention
from ksql_engine.types import SqlType


def plan_create_as(
    statement: CreateAsSelect, metastore: Metastore, functions: FunctionRegistry, config: Config = NO_CONFIG
) -> QueryPlan:
    """Return the plan of CREATE .. AS SELECT with its sink. Raises StatementError."""
    with_clause.check(statement.properties, with_clause.SINK_NAMES)
    if statement.query.limit is not None:
        raise StatementError(f"CREATE {statement.kind} AS SELECT statements don't support LIMIT clause.")
    functions = functions.with_config(config)
    _check_time(statement, metastore, functions)
    planned = plan_query(statement.query, metastore, functions, statement.name)
    plan = planned.plan
    if plan.kind != statement.kind:
        raise StatementError(
            f"Invalid result type. Your SELECT query produces a {plan.kind}. Please use "
            f"CREATE {plan.kind} AS SELECT statement instead."
        )
    sink = _sink(statement, planned, config)
    check_windowed(sink)
    existing = metastore.sources.get(sink.name)
    if existing is not None and statement.or_replace:
        check_replacement(existing, sink)
    return replace(plan, sink=sink)


def _check_time(statement: CreateAsSelect, metastore: Metastore, functions: FunctionRegistry) -> None:
    """Refuse a TIMESTAMP that no selected column gives, before a key that is not selected: ksqlDB's order."""
    if "TIMESTAMP" in statement.properties:
        selected = plan_query(statement.query, metastore, functions, None).plan.schema
        with_clause.time_column(statement.properties, selected, strict=False)


def _sink(statement: CreateAsSelect, planned: Planned, config: Config) -> Source:
    properties, plan, left = statement.properties, planned.plan, planned.left
    if plan.window is None:
        with_clause.check_retention(statement.kind, properties)
    value = with_clause.value_format(properties, left.value_format, settings.wraps_single_values(config))
    check_wrapping(properties, value, plan.schema)
    key = _key_format(statement, plan, left, config)
    try:
        check_formats(key, value, plan.schema)
    except StatementError as error:
        text = create_as_text(statement, planned.selected, planned.scope)
        raise StatementError(f"{error}\nStatement: {text}") from error
    topic = properties.get("KAFKA_TOPIC", settings.topic_prefix(config) + statement.name)
    return Source(
        statement.name,
        statement.kind,
        plan.schema,
        str(topic),
        key,
        value,
        with_clause.time_column(properties, plan.schema, settings.stops_at_invalid_time(config)),
        statement.text,
        partitions=with_clause.integer(properties, "PARTITIONS"),
        replicas=with_clause.integer(properties, "REPLICAS"),
        window=plan.window,
        retention_ms=sink_retention(with_clause.integer(properties, "RETENTION_MS"), statement.query.window),
    )


def _key_format(statement: CreateAsSelect, plan: QueryPlan, left: Source, config: Config) -> FormatSpec:
    """Return the sink's key format: as said, else the source's; NONE only goes with no key, and the other way round."""
    properties = statement.properties
    default = left.key_format
    if not plan.schema.key and statement.query.partition_by:
        default = FormatSpec("NONE")
    elif default.name == "NONE" and plan.schema.key:
        default = FormatSpec(settings.default_key_format(config))
    return with_clause.key_format(properties, default)


def plan_insert(statement: InsertInto, metastore: Metastore, functions: FunctionRegistry) -> QueryPlan:
    """Return the plan of INSERT INTO .. SELECT with its sink. Raises StatementError."""
    _check_insert(statement)
    sink = metastore.source(statement.target)
    if sink.is_table:
        raise StatementError(f"INSERT INTO can only be used to insert into a stream. {sink.name} is a table.")
    if sink.read_only:
        raise StatementError(f"Cannot insert into read-only stream: {sink.name}")
    if sink.headers:
        raise StatementError(f"Cannot insert into {sink.name} because it has header columns")
    query = _with_decimals(statement.query, sink)
    planned = plan_query(query, metastore, functions, statement.target)
    if planned.plan.kind == TABLE:
        raise StatementError("Invalid result type. Your SELECT query produces a TABLE. INSERT INTO needs a STREAM.")
    made, wanted = planned.plan.schema, sink.schema
    if made != wanted:
        raise StatementError(
            f"Incompatible schema between results and sink.\nResult schema is {made}\nSink schema is {wanted}"
        )
    if planned.plan.window != sink.window:
        raise StatementError(f"Incompatible windows between results and sink: {planned.plan.window}, {sink.window}.")
    return replace(planned.plan, sink=sink)


def _check_insert(statement: InsertInto) -> None:
    with_clause.check(statement.properties, with_clause.INSERT_NAMES)
    query_id = str(statement.properties.get("QUERY_ID", "_"))
    if re.fullmatch(r"\w+", query_id, re.ASCII) is None:
        raise StatementError(f"Query IDs may contain only alphanumeric characters and '_'. Got: '{query_id}'")
    if statement.query.limit is not None:
        raise StatementError("INSERT INTO statements don't support LIMIT clause.")


def _with_decimals(query: Query, sink: Source) -> Query:
    """Return the SELECT with number literals as the decimals that the sink's columns of their names are."""
    types = {column.name: column.type for column in sink.schema.value if column.type.base == "DECIMAL"}
    items = []
    for item in query.items:
        literal, wanted = item.expression, types.get(item.alias or "")
        if isinstance(literal, ast.Literal) and wanted is not None and _fits(literal, wanted):
            value = fit_decimal(Decimal(literal.value), wanted.precision, wanted.scale)
            items.append(replace(item, expression=ast.Literal(value, wanted)))
        else:
            items.append(item)
    return replace(query, items=tuple(items))


def _fits(literal: ast.Literal, wanted: SqlType) -> bool:
    if literal.type.base not in ("INTEGER", "BIGINT", "DECIMAL"):
        return False
    digits = Decimal(literal.value).as_tuple()
    fraction = max(0, -int(digits.exponent))
    return fraction <= wanted.scale and len(digits.digits) - fraction <= wanted.precision - wanted.scale
