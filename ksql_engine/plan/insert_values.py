"""INSERT INTO .. VALUES: which record a statement means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import InsertValues
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import EvaluationError, StatementError
from ksql_engine.expressions.casts import caster
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import RESERVED_NAMES, Source
from ksql_engine.types import BIGINT, STRING, Row, SqlType, is_number, widens_to


@dataclass(frozen=True)
class InsertedRow:
    """A record to write; `time` in ms since the epoch, None for the time now."""

    source: Source
    key: Row
    value: Row
    time: int | None


def plan_insert_values(statement: InsertValues, metastore: Metastore, functions: FunctionRegistry) -> InsertedRow:
    """Return the record of an INSERT .. VALUES. Raises StatementError when it cannot be written."""
    source = metastore.sources.get(statement.target)
    if source is None:
        name = statement.target
        raise StatementError(f"Cannot insert values into an unknown stream/table: `{name}`{metastore.hint(name)}")
    check_insertable(source)
    names = _names(source, statement)
    types = {column.name: column.type for column in source.schema.columns} | {"ROWTIME": BIGINT}
    values = {
        name: _value(expr, types[name], source, name, functions)
        for name, expr in zip(names, statement.values, strict=True)
    }
    return row_of(source, values)


def check_insertable(source: Source) -> None:
    """Raise StatementError for a source that takes no single records."""
    if source.read_only:
        raise StatementError(f"Cannot insert values into read-only {source.kind.lower()}: {source.name}")
    if source.window is not None:
        raise StatementError(f"Cannot insert values into windowed {source.kind.lower()}: {source.name}")


def _names(source: Source, statement: InsertValues) -> tuple[str, ...]:
    failed = f"Failed to insert values into '{source.name}'. "
    headers = {header.name for header in source.headers}
    declared = tuple(column.name for column in source.schema.columns)
    names = statement.columns
    if not names and headers:
        raise StatementError(f"{failed}Cannot insert into HEADER columns: {', '.join(sorted(headers))}")
    inserted = [name for name in names if name in headers]
    if inserted:
        raise StatementError(f"{failed}Cannot insert into HEADER columns: {', '.join(inserted)}")
    for name in names:
        if name in RESERVED_NAMES and name != "ROWTIME":
            raise StatementError(f"{failed}Inserting into column `{name}` is not allowed.")
        if name not in declared and name != "ROWTIME":
            raise StatementError(f"{failed}Column name `{name}` does not exist.")
    found = names or declared
    if len(found) != len(statement.values):
        raise StatementError(
            f"{failed}Expected a value for each column. Expected {len(found)} values, got {len(statement.values)}"
        )
    return found


def row_of(source: Source, values: Mapping[str, Any]) -> InsertedRow:
    """Return a row given by column name as a record. Raises StatementError when a table's key is not whole."""
    key = tuple(values.get(column.name) for column in source.schema.key)
    if source.is_table and any(part is None for part in key):
        names = ", ".join(column.name for column in source.schema.key)
        raise StatementError(
            f"Failed to insert values into '{source.name}'. Value for primary key column(s) {names} is required for "
            f"tables"
        )
    return InsertedRow(source, key, tuple(values.get(c.name) for c in source.schema.value), values.get("ROWTIME"))


def _value(expr: ast.Expr, kind: SqlType, source: Source, name: str, functions: FunctionRegistry) -> Any:
    failed = f"Failed to insert values into '{source.name}'. "
    compiled = Compiler(Scope(()), functions).compile(expr)
    try:
        value = compiled.call((), ())
        if value is None:
            return None
        if not accepts(compiled.type, kind):
            raise StatementError(
                f"{failed}Expected type {kind} for field {name} but got {expression_text(expr)}({compiled.type})"
            )
        return caster(compiled.type, kind)(value)
    except (EvaluationError, TypeError, ArithmeticError) as error:
        raise StatementError(
            f"{failed}Failed to insert value {expression_text(expr)} for column `{name}`: {error}"
        ) from error


def coerce(value: Any, source: SqlType, target: SqlType) -> Any:
    """Return a literal's value as a column's type. Raises StatementError when it does not fit."""
    if not accepts(source, target):
        raise StatementError(f"Expected type {target} for field, but got {value} ({source})")
    return caster(source, target)(value)


def accepts(source: SqlType, target: SqlType) -> bool:
    """Tell whether a literal of type `source` is taken for a column of type `target`, as INSERT VALUES does.

    Numbers widen, and any number goes to a DECIMAL or DOUBLE; text is read as numbers, times and truth values.
    """
    if source == STRING and target.base not in ("ARRAY", "MAP", "STRUCT"):
        return True
    if widens_to(source, target) or (is_number(source) and target.base in ("DECIMAL", "DOUBLE")):
        return True
    return source.base == target.base and target.base in ("ARRAY", "MAP", "STRUCT")
