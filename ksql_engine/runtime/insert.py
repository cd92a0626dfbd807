"""INSERT INTO .. VALUES: one record, written at once."""

from __future__ import annotations

import time
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import InsertValues
from ksql_engine.errors import EvaluationError, KsqlError, StatementError
from ksql_engine.expressions.casts import caster
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.operators.endpoints import Message, encoder
from ksql_engine.plan.model import RESERVED_NAMES, Source
from ksql_engine.runtime.engine import Engine
from ksql_engine.types import BIGINT, STRING, SqlType, is_number, widens_to


def insert_values(engine: Engine, statement: InsertValues) -> None:
    """Write one record and wait for the broker. The caller holds the engine's lock. Raises StatementError."""
    source = engine.metastore.source(statement.target)
    if source.read_only:
        raise StatementError(f"Cannot insert values into read-only {source.kind.lower()}: {source.name}")
    values = _values(source, statement, engine.functions)
    write(engine, source, values)


def write(engine: Engine, source: Source, values: dict[str, Any]) -> None:
    """Write a row given by column name; ROWTIME is the time now where it is not given. Raises KsqlError."""
    now = time.time_ns() // 1_000_000
    given = values.get("ROWTIME")
    message = row_message(engine, source, values, now if given is None else int(given))
    sink = engine.insert_sink()
    try:
        sink.send(message)
        sink.flush()
    except KsqlError:
        engine.drop_insert_sink()
        raise


def row_message(engine: Engine, source: Source, values: dict[str, Any], moment: int) -> Message:
    """Return a row given by column name as a record of the source's topic. Raises StatementError."""
    key = tuple(values.get(column.name) for column in source.schema.key)
    if source.is_table and any(part is None for part in key):
        raise StatementError(
            "Failed to insert values into '"
            + source.name
            + "'. Value for primary key column(s) "
            + ", ".join(column.name for column in source.schema.key)
            + " is required for tables"
        )
    value = tuple(values.get(column.name) for column in source.schema.value)
    message = encoder(source, engine.formats)(key, value, moment)
    return Message(message.topic, message.key, message.value, moment)


def _values(source: Source, statement: InsertValues, functions: FunctionRegistry) -> dict[str, Any]:
    types = {column.name: column.type for column in source.schema.columns}
    names = statement.columns or tuple(types)
    if len(names) != len(statement.values):
        raise StatementError(
            f"Failed to insert values into '{source.name}'. Expected {len(names)} columns, got {len(statement.values)}"
        )
    found: dict[str, Any] = {}
    for name, expr in zip(names, statement.values, strict=True):
        if name == "ROWTIME":
            kind = BIGINT
        elif name in RESERVED_NAMES or name not in types:
            raise StatementError(f"Failed to insert values into '{source.name}'. Column name `{name}` does not exist.")
        else:
            kind = types[name]
        found[name] = _value(expr, kind, name, functions)
    return found


def _value(expr: ast.Expr, kind: SqlType, name: str, functions: FunctionRegistry) -> Any:
    compiled = Compiler(Scope(()), functions).compile(expr)
    try:
        value = compiled.call((), ())
        return None if value is None else coerce(value, compiled.type, kind)
    except (EvaluationError, TypeError, ArithmeticError) as error:
        raise StatementError(f"Failed to insert value for column `{name}`: {error}") from error


def coerce(value: Any, source: SqlType, target: SqlType) -> Any:
    """Return a literal's value as a column's type. Raises StatementError when it does not fit."""
    free = source == STRING or widens_to(source, target) or (is_number(source) and target.base in ("DECIMAL", "DOUBLE"))
    if not free and source.base == target.base and target.base in ("ARRAY", "MAP", "STRUCT"):
        free = True
    if not free:
        raise StatementError(f"Expected type {target} for field, but got {value} ({source})")
    return caster(source, target)(value)
