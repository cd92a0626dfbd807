"""A SELECT to a query plan: rows, filter, grouping, projection, and what its result is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import Query
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.grouping import group, partition
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import (
    PSEUDO_NAMES,
    TABLE,
    Column,
    FilterStep,
    ProjectStep,
    QueryPlan,
    Schema,
    Source,
    Step,
)
from ksql_engine.plan.relation import Relation, from_clause
from ksql_engine.plan.select import Selected, check_reserved, expand, references
from ksql_engine.types import BOOLEAN


@dataclass(frozen=True)
class Planned:
    """A planned SELECT: the plan without a sink, and its leftmost source (whose formats a sink inherits)."""

    plan: QueryPlan
    left: Source


def plan_query(query: Query, metastore: Metastore, functions: FunctionRegistry, target: str | None) -> Planned:
    """Return the plan of `query`; `target` names the sink of a persistent query, None a push query.

    Raises StatementError when the query has no meaning or is not supported.
    """
    _check_supported(query)
    if target is not None:
        _check_sources(query, metastore)
    relation = from_clause(query, metastore, functions, _uses_pseudo(query))
    filtered = query.where is not None
    if query.where is not None:
        relation = _filtered(relation, query.where, functions, "WHERE")
    selected = expand(query.items, relation.scope, relation.joined, query.partition_by)
    if target is not None:
        check_reserved(selected)
    grouped = bool(query.group_by)
    if grouped:
        done = group(relation, query.group_by, selected, query.having, functions)
        relation, selected = done.relation, done.selected
        if done.having is not None:
            relation, filtered = _filtered(relation, done.having, functions, "HAVING"), True
    else:
        _check_ungrouped(query, selected, functions)
    if query.partition_by:
        done = partition(relation, query.partition_by, selected, functions)
        relation, selected = done.relation, done.selected
    step, schema = _project(relation, selected, functions, target)
    names = [query.source.name, *(join.right.name for join in query.joins)]
    plan = QueryPlan(step, relation.kind, schema, None, filtered, query.limit, tuple(names), relation.window)
    return Planned(plan, relation.left)


def _check_supported(query: Query) -> None:
    if query.window is not None:
        if not query.group_by:
            raise StatementError("WINDOW clause requires a GROUP BY clause.")
        raise StatementError(f"{query.window.kind} windows are not supported yet")
    if query.emit == "FINAL":
        raise StatementError("EMIT FINAL is only supported for windowed aggregations.")
    if query.having is not None and not query.group_by:
        raise StatementError("HAVING requires a GROUP BY clause")
    if query.group_by and query.partition_by:
        raise StatementError("PARTITION BY is not supported together with GROUP BY")


def _check_sources(query: Query, metastore: Metastore) -> None:
    for name in [query.source.name, *(join.right.name for join in query.joins)]:
        source = metastore.source(name)
        if source.is_table and source.window is not None:
            raise StatementError("KSQL does not support persistent queries on windowed tables.")


def _uses_pseudo(query: Query) -> bool:
    expressions = [item.expression for item in query.items] + [query.where, query.having]
    expressions += [*query.group_by, *query.partition_by]
    return any(ref.name in PSEUDO_NAMES for expr in expressions if expr is not None for ref in references(expr))


def _check_ungrouped(query: Query, selected: Sequence[Selected], functions: FunctionRegistry) -> None:
    def visit(expr: ast.Expr) -> None:
        if isinstance(expr, ast.Call) and functions.is_aggregate(expr.name):
            raise StatementError(
                f"Use of aggregate function {expr.name} requires a GROUP BY clause. "
                f"Aggregate function(s): {expression_text(expr)}"
            )
        for child in ast.children(expr):
            visit(child)

    for column in selected:
        visit(column.expression)
    if query.where is not None:
        visit(query.where)


def _filtered(relation: Relation, where: ast.Expr, functions: FunctionRegistry, clause: str) -> Relation:
    scope = relation.scope.for_clause(clause)
    try:
        compiled = Compiler(scope, functions).compile(where)
    except StatementError as error:
        if "Cannot compare" in str(error):
            raise StatementError(f"Error in {clause} expression: {error}") from error
        raise
    if compiled.type != BOOLEAN:
        raise StatementError(
            f"Type error in {clause} expression: Should evaluate to boolean but is "
            f"{expression_text(where)} ({compiled.type}) instead."
        )
    step = FilterStep(relation.step, compiled.call, relation.kind == TABLE, expression_text(where))
    return replace(relation, step=step)


def _project(
    relation: Relation, selected: Sequence[Selected], functions: FunctionRegistry, target: str | None
) -> tuple[Step, Schema]:
    """Return the last step and the schema of the result: key columns apart for a persistent query."""
    compiler = Compiler(relation.scope, functions)
    keys, values = _split(relation, selected, compiler) if target is not None else ({}, list(selected))
    codes: list[tuple[str, Code]] = []
    for column in values:
        code = compiler.code(column.expression)
        if code.type.base == "null":
            raise StatementError(
                "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR)."
            )
        codes.append((column.name, code))
    if target is not None:
        _check_keys(relation, keys, target)
    key_columns = tuple(Column(keys.get(place, column.name), column.type) for place, column in enumerate(relation.keys))
    if target is not None:
        _check_clash(key_columns, values)
    schema = Schema(key_columns, tuple(Column(name, code.type) for name, code in codes))
    return ProjectStep(relation.step, None, compile_projection(compiler, codes)), schema


def _check_clash(keys: Sequence[Column], values: Sequence[Selected]) -> None:
    names = {column.name for column in keys}
    for column in values:
        if column.name in names:
            raise StatementError(f"The projection contains a column name twice: `{column.name}`")


def _split(
    relation: Relation, selected: Sequence[Selected], compiler: Compiler
) -> tuple[dict[int, str], list[Selected]]:
    """Return the names of the key columns by position, and the value columns."""
    keys: dict[int, str] = {}
    values: list[Selected] = []
    for column in selected:
        place = _key_place(relation, column.expression, compiler)
        if place is None or (relation.joined and place in keys):
            values.append(column)
        elif place in keys:
            raise StatementError(
                f"The projection contains a key column more than once: `{keys[place]}` and `{column.name}`.\n"
                f"Each key column must only be in the projection once. If you intended to copy the key into the "
                f"value, then consider using the AS_VALUE function to indicate which key reference should be copied."
            )
        else:
            keys[place] = column.name
    return _prefer_left(relation, selected, keys, values, compiler)


def _prefer_left(
    relation: Relation, selected: Sequence[Selected], keys: dict[int, str], values: list[Selected], compiler: Compiler
) -> tuple[dict[int, str], list[Selected]]:
    """In a join, let the left source's column be the key when several equal columns are selected."""
    if not relation.joined or 0 not in keys:
        return keys, values
    mine = [column for column in selected if _key_place(relation, column.expression, compiler) is not None]
    left = relation.scope.columns[0].source
    chosen = next((c for c in mine if isinstance(c.expression, ast.ColumnRef) and c.expression.source == left), mine[0])
    return {0: chosen.name}, [column for column in selected if column is not chosen]


def _key_place(relation: Relation, expr: ast.Expr, compiler: Compiler) -> int | None:
    """Return which key column `expr` is, or None when it is a value."""
    if not isinstance(expr, ast.ColumnRef):
        return None
    column = compiler.scope.find(expr)
    if column is None or not column.is_key:
        return None
    if relation.joined:
        return 0
    return int(column.code[2:-1])


def _check_keys(relation: Relation, keys: dict[int, str], target: str) -> None:
    missing = [column for place, column in enumerate(relation.keys) if place not in keys]
    if not missing:
        return
    if relation.joined:
        options = [f"{c.source}.{c.name}" for c in relation.scope.columns if c.is_key]
        raise StatementError(
            f"Key missing from projection (ie, SELECT).\nThe query used to build `{target}` must include the join "
            f"expressions {' or '.join(options)} in its projection (eg, SELECT {options[0]}...)."
        )
    names = ", ".join(column.name for column in missing)
    plural = "s" if len(missing) > 1 else ""
    grouped = relation.kind == TABLE and relation.scope.columns[0].source is None
    raise StatementError(
        f"Key missing from projection (ie, SELECT).\nThe query used to build `{target}` must include the "
        f"{'grouping expression' if grouped else 'key column'}{plural} {names} in its projection "
        f"(eg, SELECT {names}...)."
    )
