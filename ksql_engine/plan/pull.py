"""Pull queries: a SELECT over the current rows of a query's table, or over what a stream's topic holds now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import Query
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import Projection, compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.config import NO_CONFIG, Config
from ksql_engine.plan.filtering import condition
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import WINDOW_BOUNDS, Column, Schema, Source
from ksql_engine.plan.pull_keys import Keys, lookup_keys
from ksql_engine.plan.select import Selected, expand, references
from ksql_engine.types import BIGINT, STRING

_REFUSED_COLUMNS: Final = ("ROWPARTITION", "ROWOFFSET")
_HINT: Final = " See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."


@dataclass(frozen=True)
class PullPlan:
    """A pull query made ready. `keys` are the key tuples to look up (without window bounds), or None for a scan.

    Rows are (key, value + (time,)); `predicate` may be None; `key_columns` names the result's columns that are keys.
    """

    source: Source
    keys: Keys | None
    predicate: Callable[[Any, Any], Any] | None
    projection: Projection
    schema: Schema
    key_columns: frozenset[str]
    limit: int | None


def check_pull(query: Query) -> None:
    """Raise StatementError for clauses and columns that pull queries do not have, over streams as over tables."""
    refused = {
        "JOIN": query.joins,
        "WINDOW": query.window,
        "GROUP BY": query.group_by,
        "PARTITION BY": query.partition_by,
        "HAVING": query.having,
    }
    for clause, present in refused.items():
        if present:
            raise StatementError(f"Pull queries don't support {clause} clauses.{_HINT}")
    if query.limit is not None and query.limit < 0:
        raise StatementError(f"Pull queries don't support negative integers in the LIMIT clause.{_HINT}")
    _check_columns([item.expression for item in query.items if item.expression is not None], "SELECT")
    _check_columns([query.where] if query.where is not None else [], "WHERE")


def _check_columns(expressions: list[ast.Expr], clause: str) -> None:
    named = {ref.name for expr in expressions for ref in references(expr)}
    found = [f"`{name}`" for name in _REFUSED_COLUMNS if name in named]
    if found:
        raise StatementError(
            f"Pull queries don't support the following columns in {clause} clauses: {', '.join(found)}\n"
        )


def plan_pull(query: Query, metastore: Metastore, functions: FunctionRegistry, config: Config = NO_CONFIG) -> PullPlan:
    """Return the plan of a pull query over a table. Raises StatementError when something does not allow it."""
    check_pull(query)
    source = metastore.source(query.source.name)
    scope = _scope(source, query.source.alias)
    _check_duplicates(query, scope)
    selected = expand(query.items, scope, joined=False, partition_by=(), functions=functions)
    for column in selected:
        _refuse_aggregates(column.expression, functions)
    compiler = Compiler(scope, functions)
    codes = [(column.name, compiler.code(column.expression)) for column in selected]
    _check_queryable(source)
    predicate = _predicate(query.where, scope, functions)
    schema = Schema((), tuple(Column(name, code.type) for name, code in codes))
    keys = lookup_keys(query.where, source, functions, config)
    projection = compile_projection(compiler, codes)
    return PullPlan(source, keys, predicate, projection, schema, _key_names(source, selected), query.limit)


def _check_duplicates(query: Query, scope: Scope) -> None:
    """Raise StatementError for a column that is selected twice under its own name."""
    refs = [item.expression for item in query.items if isinstance(item.expression, ast.ColumnRef) and not item.alias]
    for place, ref in enumerate(refs):
        column = scope.find(ref)
        if column is not None and ref in refs[:place]:
            kind = "key" if column.is_key else "value"
            raise StatementError(f"Duplicate {kind} columns found in schema: `{column.name}` {column.type}")


def _check_queryable(source: Source) -> None:
    if source.query_id is None:
        remedy = f"CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}"  # noqa: S608 - shown, not run
        raise StatementError(
            f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do '{remedy}'.{_HINT}"
        )


def _predicate(where: ast.Expr | None, scope: Scope, functions: FunctionRegistry) -> Callable[[Any, Any], Any] | None:
    if where is None:
        return None
    _check_patterns(where, scope, functions)
    try:
        return condition(where, scope, functions, "WHERE").call
    except StatementError as error:
        raise StatementError(f"{error}\nStatement: {expression_text(where)}") from error


def _check_patterns(expr: ast.Expr, scope: Scope, functions: FunctionRegistry) -> None:
    if isinstance(expr, ast.Like):
        for side in (expr.operand, expr.pattern):
            kind = Compiler(scope.for_clause("WHERE"), functions).compile(side).type
            if kind != STRING:
                raise StatementError(f"The column type for Like condition must be VARCHAR. The column type is {kind}")
    for child in ast.children(expr):
        _check_patterns(child, scope, functions)


def _key_names(source: Source, selected: list[Selected]) -> frozenset[str]:
    names = {column.name for column in source.schema.key}
    if source.window is not None:
        names.update(WINDOW_BOUNDS)
    return frozenset(
        column.name
        for column in selected
        if isinstance(column.expression, ast.ColumnRef) and column.expression.name in names
    )


def _refuse_aggregates(expr: ast.Expr, functions: FunctionRegistry) -> None:
    if isinstance(expr, ast.Call) and functions.is_aggregate(expr.name):
        raise StatementError("Pull queries don't support aggregate functions in the SELECT clause.")
    for child in ast.children(expr):
        _refuse_aggregates(child, functions)


def _scope(source: Source, alias: str) -> Scope:
    keys = list(source.schema.key)
    if source.window is not None:
        keys += [Column(name, BIGINT) for name in WINDOW_BOUNDS]
    columns = [
        ScopeColumn(alias, column.name, column.type, f"k[{place}]", is_key=True) for place, column in enumerate(keys)
    ]
    values = source.row_columns
    columns += [ScopeColumn(alias, column.name, column.type, f"v[{place}]") for place, column in enumerate(values)]
    columns.append(ScopeColumn(alias, "ROWTIME", BIGINT, f"v[{len(values)}]", hidden=True))
    return Scope(columns)
