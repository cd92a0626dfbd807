"""A SELECT to a query plan: rows, filter, grouping, projection, and what its result is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ksql_engine.dialect.ast import Expr, Literal
from ksql_engine.dialect.statements import Query
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.aggregation import aggregate_calls, arguments, refuse_loose
from ksql_engine.plan.exploding import exploded
from ksql_engine.plan.filtering import code_errors, filtered
from ksql_engine.plan.grouping import group
from ksql_engine.plan.joins import join_sources
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import (
    PSEUDO_NAMES,
    Column,
    ProjectStep,
    QueryPlan,
    Schema,
    Source,
    Step,
)
from ksql_engine.plan.partitioning import partition
from ksql_engine.plan.relation import Relation, source_relation
from ksql_engine.plan.result_keys import split_keys
from ksql_engine.plan.select import Selected, check_names, expand, references
from ksql_engine.plan.windows import check_window, with_bounds, with_visible_bounds
from ksql_engine.types import INTEGER


@dataclass(frozen=True)
class Planned:
    """A planned SELECT: the plan without a sink, and its leftmost source (whose formats a sink inherits).

    `selected` and `scope` are its items and the names they use, before any grouping.
    """

    plan: QueryPlan
    left: Source
    selected: tuple[Selected, ...]
    scope: Scope


def plan_query(query: Query, metastore: Metastore, functions: FunctionRegistry, target: str | None) -> Planned:
    """Return the plan of `query`; `target` names the sink of a persistent query, None a push query.

    Raises StatementError when the query has no meaning or is not supported.
    """
    _check_supported(query)
    if target is None:
        query = _grouped_as_one(query, functions)
    else:
        _check_sources(query, metastore)
    relation = _rows(query, metastore, functions)
    check_window(query, relation.scope, functions.config)
    if query.where is not None:
        _refuse_aggregates(query.where, functions)
        relation = filtered(relation, query.where, functions, "WHERE")
    scope = _select_scope(query, relation.scope, push=target is None)
    check_names(query.items, persistent=target is not None, joined=relation.joined)
    items = expand(query.items, scope, relation.joined, query.partition_by, functions)
    relation, selected = exploded(relation, items, functions, grouped=bool(query.group_by))
    relation, selected = _regrouped(relation, query, selected, functions)
    step, schema = _project(relation, selected, functions, target)
    names = [query.source.name, *(join.right.name for join in query.joins)]
    has_filter = query.where is not None or query.having is not None
    plan = QueryPlan(step, relation.kind, schema, None, has_filter, query.limit, tuple(names), relation.window)
    return Planned(plan, relation.left, tuple(items), scope)


def _refuse_aggregates(where: Expr, functions: FunctionRegistry) -> None:
    for call in aggregate_calls([where], functions):
        raise StatementError(
            f"Error in WHERE expression: {call.name} is an aggregate function, which only SELECT and HAVING may use."
        )


def _select_scope(query: Query, scope: Scope, push: bool) -> Scope:
    """Return the names a SELECT list may use: with window bounds, which `*` of a push query shows."""
    if query.window is not None:
        return with_bounds(scope)
    return with_visible_bounds(scope) if push else scope


def _regrouped(
    relation: Relation, query: Query, selected: list[Selected], functions: FunctionRegistry
) -> tuple[Relation, list[Selected]]:
    """Return rows and SELECT after GROUP BY with its HAVING, and after PARTITION BY."""
    if query.group_by:
        done = group(relation, query, selected, functions)
        relation, selected = done.relation, done.selected
        if done.having is not None:
            relation = filtered(relation, done.having, functions, "HAVING")
    else:
        _check_ungrouped(query, selected, functions)
    if query.partition_by:
        done = partition(relation, query.partition_by, selected, functions)
        relation, selected = done.relation, done.selected
    return relation, selected


def _grouped_as_one(query: Query, functions: FunctionRegistry) -> Query:
    """Return a push query with aggregates and no GROUP BY as one whose rows are all in one group."""
    items = [item.expression for item in query.items if item.expression is not None]
    if query.group_by or query.partition_by or not aggregate_calls(items, functions):
        return query
    return replace(query, group_by=(Literal(1, INTEGER),))


def _rows(query: Query, metastore: Metastore, functions: FunctionRegistry) -> Relation:
    """Return the rows of FROM and JOIN."""
    refs = [query.source, *(join.right for join in query.joins)]
    sources = [(ref, metastore.source(ref.name)) for ref in refs]
    if query.joins:
        return join_sources(sources, query.joins, functions, _uses_pseudo(query, functions))
    return source_relation(sources[0][1], query.source.alias, _uses_pseudo(query, functions))


def _check_supported(query: Query) -> None:
    if query.having is not None and not query.group_by:
        raise StatementError("HAVING requires a GROUP BY clause")
    if query.group_by and query.partition_by:
        raise StatementError("PARTITION BY is not supported together with GROUP BY")


def _check_sources(query: Query, metastore: Metastore) -> None:
    for name in [query.source.name, *(join.right.name for join in query.joins)]:
        source = metastore.source(name)
        if source.is_table and source.window is not None:
            raise StatementError("KSQL does not support persistent queries on windowed tables.")


def _uses_pseudo(query: Query, functions: FunctionRegistry) -> bool:
    named = [*(item.expression for item in query.items), query.where, query.having]
    named += [*query.group_by, *query.partition_by, *(join.condition for join in query.joins)]
    expressions = [expr for expr in named if expr is not None]
    if query.joins and query.partition_by and any(item.expression is None for item in query.items):
        return True
    expressions += [arg for call in aggregate_calls(expressions, functions) for arg in arguments(call)]
    return any(ref.name in PSEUDO_NAMES for expr in expressions for ref in references(expr))


def _check_ungrouped(query: Query, selected: Sequence[Selected], functions: FunctionRegistry) -> None:
    """Raise StatementError when a query without GROUP BY has aggregate functions."""
    calls = aggregate_calls([column.expression for column in selected], functions)
    joined = bool(query.joins)
    if calls:
        refuse_loose([one.expression for one in selected if not aggregate_calls([one.expression], functions)], joined)
    for call in calls:
        raise StatementError(
            f"Use of aggregate function {call.name} requires a GROUP BY clause. "
            f"Aggregate function(s): {expression_text(call)}"
        )


def _project(
    relation: Relation, selected: Sequence[Selected], functions: FunctionRegistry, target: str | None
) -> tuple[Step, Schema]:
    """Return the last step and the schema of the result: key columns apart for a persistent query."""
    compiler = Compiler(relation.scope, functions)
    keys, values = split_keys(relation, selected, target) if target is not None else ({}, list(selected))
    codes: list[tuple[str, Code]] = []
    for column in values:
        with code_errors("Select"):
            code = compiler.code(column.expression)
        if code.type.base == "null":
            raise StatementError(
                "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR)."
            )
        codes.append((column.name, code))
    key_columns = tuple(Column(keys.get(place, column.name), column.type) for place, column in enumerate(relation.keys))
    schema = Schema(key_columns, tuple(Column(name, code.type) for name, code in codes))
    return ProjectStep(relation.step, None, compile_projection(compiler, codes)), schema
