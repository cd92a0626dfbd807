"""Pull queries: a SELECT over the current rows of a query's table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import Query
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import Projection, compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.filtering import condition
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import Column, Schema, Source
from ksql_engine.plan.select import expand
from ksql_engine.types import BIGINT


@dataclass(frozen=True)
class PullPlan:
    """A pull query made ready. `keys` are the key tuples to look up, or None for a scan.

    Rows are (key, value + (time,)); `predicate` may be None; `key_columns` names the result's columns that are keys.
    """

    source: Source
    keys: tuple[tuple[Any, ...], ...] | None
    predicate: Callable[[Any, Any], Any] | None
    projection: Projection
    schema: Schema
    key_columns: frozenset[str]
    limit: int | None


def plan_pull(query: Query, metastore: Metastore, functions: FunctionRegistry) -> PullPlan:
    """Return the plan of a pull query. Raises StatementError when the source or a clause does not allow it."""
    _check_clauses(query)
    source = metastore.source(query.source.name)
    if source.query_id is None:
        remedy = f"CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}"  # noqa: S608 - shown, not run
        raise StatementError(
            f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do '{remedy}'."
        )
    scope = _scope(source, query.source.alias)
    predicate = None
    if query.where is not None:
        predicate = condition(query.where, scope, functions, "WHERE").call
    selected = expand(query.items, scope, joined=False, partition_by=(), functions=functions)
    compiler = Compiler(scope, functions)
    codes = [(column.name, compiler.code(column.expression)) for column in selected]
    for column in selected:
        _refuse_aggregates(column.expression, functions)
    names = {column.name for column in source.schema.key}
    keys = frozenset(
        column.name
        for column in selected
        if isinstance(column.expression, ast.ColumnRef) and column.expression.name in names
    )
    schema = Schema((), tuple(Column(name, code.type) for name, code in codes))
    return PullPlan(
        source, _lookup(query.where, source), predicate, compile_projection(compiler, codes), schema, keys, query.limit
    )


def _check_clauses(query: Query) -> None:
    refused = {
        "JOIN": query.joins,
        "GROUP BY": query.group_by,
        "PARTITION BY": query.partition_by,
        "HAVING": query.having,
        "WINDOW": query.window,
    }
    for clause, present in refused.items():
        if present:
            raise StatementError(f"Pull queries don't support {clause} clause{'s' if clause != 'HAVING' else ''}.")


def _refuse_aggregates(expr: ast.Expr, functions: FunctionRegistry) -> None:
    if isinstance(expr, ast.Call) and functions.is_aggregate(expr.name):
        raise StatementError("Pull queries don't support aggregate functions in the SELECT clause.")
    for child in ast.children(expr):
        _refuse_aggregates(child, functions)


def _scope(source: Source, alias: str) -> Scope:
    columns = [
        ScopeColumn(alias, column.name, column.type, f"k[{place}]", is_key=True)
        for place, column in enumerate(source.schema.key)
    ]
    columns += [
        ScopeColumn(alias, column.name, column.type, f"v[{place}]") for place, column in enumerate(source.schema.value)
    ]
    columns.append(ScopeColumn(alias, "ROWTIME", BIGINT, f"v[{len(source.schema.value)}]", hidden=True))
    return Scope(columns)


def _lookup(where: ast.Expr | None, source: Source) -> tuple[tuple[Any, ...], ...] | None:
    """Return the keys a WHERE pins down: the single key column compared with literals by = or IN, among ANDs."""
    if where is None or len(source.schema.key) != 1:
        return None
    key = source.schema.key[0]
    if isinstance(where, ast.Logical) and where.op == "AND":
        return _lookup(where.left, source) or _lookup(where.right, source)
    if isinstance(where, ast.Compare) and where.op == "=":
        column: ast.Expr = where.left
        literals: tuple[ast.Expr, ...] = (where.right,)
    elif isinstance(where, ast.In):
        column, literals = where.operand, where.items
    else:
        return None
    if not isinstance(column, ast.ColumnRef) or column.name != key.name:
        return None
    values = [one.value for one in literals if isinstance(one, ast.Literal) and one.type == key.type]
    return tuple((value,) for value in dict.fromkeys(values)) if len(values) == len(literals) else None
