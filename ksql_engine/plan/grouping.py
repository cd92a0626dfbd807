"""GROUP BY and PARTITION BY: new keys, aggregates, and the names the rest of the SELECT sees afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import Query
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.aggregate import Aggregator
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.aggregation import (
    Aggregation,
    aggregate_calls,
    aggregation,
    message_text,
    refuse_aggregates,
    refuse_loose,
)
from ksql_engine.plan.model import TABLE, WINDOW_BOUNDS, AggregateStep, Column, Windowing
from ksql_engine.plan.relation import Relation, bounds_columns
from ksql_engine.plan.select import Selected, partition_name, qualify, references, substitute
from ksql_engine.plan.windows import refuse_bounds, window_text, windowing, with_bounds

GROUP_PREFIX, AGGREGATE_PREFIX = "$GROUP_", "$AGG_"


@dataclass(frozen=True)
class Regrouped:
    """A relation after GROUP BY or PARTITION BY, with the SELECT and HAVING rewritten to its names."""

    relation: Relation
    selected: list[Selected]
    having: ast.Expr | None


def group(relation: Relation, query: Query, selected: list[Selected], functions: FunctionRegistry) -> Regrouped:
    """Plan GROUP BY. Raises StatementError when the SELECT names what is neither grouped nor aggregated."""
    groups, having = _clauses(relation, query, functions)
    calls = aggregate_calls([column.expression for column in selected] + ([having] if having else []), functions)
    compiler = Compiler(with_bounds(relation.scope) if query.window else relation.scope, functions)
    if not calls:
        for column in selected:
            compiler.code(column.expression)
        raise StatementError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")
    if query.window is not None:
        refuse_bounds(calls)
    codes = [compiler.code(expr) for expr in groups]
    _check_groups(groups)
    window = _windowing(query, relation, codes)
    made = aggregation(calls, compiler, functions, relation)
    by = [(expression_text(expr), code) for expr, code in zip(groups, codes, strict=True)]
    step = _aggregate_step(relation, compiler, by, made, window)
    names = _names_after(relation, groups, calls, window)
    scope = _grouped_scope(codes, made.aggregators, window, [relation.scope.displayed(e) for e in (*groups, *calls)])
    keys = tuple(
        Column(partition_name(expr, place), code.type)
        for place, (expr, code) in enumerate(zip(groups, codes, strict=True))
    )
    info = window.info if window else None
    return Regrouped(
        Relation(step, scope, TABLE, keys, relation.left, window=info),
        _regrouped(selected, names, relation),
        _regrouped_having(having, names, relation) if having is not None else None,
    )


def _clauses(relation: Relation, query: Query, functions: FunctionRegistry) -> tuple[list[ast.Expr], ast.Expr | None]:
    """Return the GROUP BY expressions and HAVING with each column under its source."""
    if query.window is not None:
        refuse_bounds([*query.group_by, *([query.having] if query.having else [])])
    refuse_aggregates(query.group_by, functions)
    groups = [qualify(expr, relation.scope.for_clause("GROUP BY")) for expr in query.group_by]
    having = qualify(query.having, relation.scope.for_clause("HAVING")) if query.having is not None else None
    return groups, having


def _aggregate_step(
    relation: Relation,
    compiler: Compiler,
    by: Sequence[tuple[str, Code]],
    made: Aggregation,
    window: Windowing | None,
) -> AggregateStep:
    keys = [(f"GROUP BY {text}", code) for text, code in by]
    shape = f"{', '.join(map(expression_text, made.calls))} BY {', '.join(text for text, _ in by)}"
    return AggregateStep(
        relation.step,
        compile_projection(compiler, keys),
        compile_projection(compiler, made.args),
        made.aggregators,
        made.slots,
        relation.kind == TABLE,
        f"{shape} WINDOW {window_text(window)}" if window else shape,
        window,
    )


Names = Sequence[tuple[ast.Expr, ast.ColumnRef]]
"""Expressions over the rows before GROUP BY, and the columns that hold them afterwards."""


def _names_after(
    relation: Relation, groups: Sequence[ast.Expr], calls: Sequence[ast.Expr], window: Windowing | None
) -> Names:
    names: list[tuple[ast.Expr, ast.ColumnRef]] = [
        (expr, ast.ColumnRef(None, f"{GROUP_PREFIX}{place}")) for place, expr in enumerate(groups)
    ]
    names += [(call, ast.ColumnRef(None, f"{AGGREGATE_PREFIX}{place}")) for place, call in enumerate(calls)]
    if window is not None:
        owner = relation.scope.columns[0].source
        names += [(ast.ColumnRef(owner, name), ast.ColumnRef(None, name)) for name in WINDOW_BOUNDS]
    return names


def _regrouped(selected: Sequence[Selected], names: Names, relation: Relation) -> list[Selected]:
    """Return the SELECT over the rows after GROUP BY. Raises StatementError when it needs a row from before."""
    after = [Selected(substitute(column.expression, names), column.name, column.aliased) for column in selected]
    loose = [old.expression for old, new in zip(selected, after, strict=True) if _loose(new.expression, names)]
    refuse_loose(loose, relation.joined)
    return after


def _regrouped_having(having: ast.Expr, names: Names, relation: Relation) -> ast.Expr:
    after = substitute(having, names)
    loose = ", ".join(dict.fromkeys(message_text(ref, relation.joined) for ref in _loose(after, names)))
    if loose:
        raise StatementError(f"Non-aggregate HAVING expression not part of GROUP BY: {loose}")
    return after


def _loose(expr: ast.Expr, names: Names) -> list[ast.ColumnRef]:
    known = [new for _, new in names]
    return [ref for ref in references(expr) if ref not in known]


def _windowing(query: Query, relation: Relation, groups: Sequence[Code]) -> Windowing | None:
    """Return the windows of a GROUP BY. Raises StatementError for windows over a table."""
    if query.window is None:
        return None
    if relation.kind == TABLE:
        raise StatementError("Windowing not supported for table aggregations.")
    key = [f"k[{place}]" for place in range(len(relation.keys))]
    # The windows of a windowed source's keys are not those of the result, so such rows are always repartitioned.
    by_key = relation.window is None and [code.text for code in groups] == key
    return windowing(query.window, final=query.emit == "FINAL", repartitioned=not by_key)


def _grouped_scope(
    codes: Sequence[Code], aggregators: Sequence[Aggregator], window: Windowing | None, shown: Sequence[ast.Expr]
) -> Scope:
    """Return the names after GROUP BY; `shown` are the expressions of groups and aggregates for messages."""
    columns = [
        ScopeColumn(None, f"{GROUP_PREFIX}{place}", code.type, f"k[{place}]", is_key=True, shown=shown[place])
        for place, code in enumerate(codes)
    ]
    columns += [
        ScopeColumn(
            None, f"{AGGREGATE_PREFIX}{place}", aggregator.returns, f"v[{place}]", shown=shown[len(codes) + place]
        )
        for place, aggregator in enumerate(aggregators)
    ]
    return Scope([*columns, *(bounds_columns(None, len(codes)) if window else ())])


def _check_groups(groups: Sequence[ast.Expr]) -> None:
    for place, expr in enumerate(groups):
        if expr in groups[:place]:
            raise StatementError(f"Duplicate GROUP BY expression: {expression_text(expr)}")
