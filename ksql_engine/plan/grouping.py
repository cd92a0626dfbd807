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
from ksql_engine.functions.aggregate import Aggregator, Arguments
from ksql_engine.functions.registry import FunctionRegistry
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
    if query.window is not None:
        refuse_bounds([*query.group_by, *([query.having] if query.having else [])])
    groups = [qualify(expr, relation.scope.for_clause("GROUP BY")) for expr in query.group_by]
    having = qualify(query.having, relation.scope.for_clause("HAVING")) if query.having is not None else None
    calls = _aggregate_calls([column.expression for column in selected] + ([having] if having else []), functions)
    compiler = Compiler(with_bounds(relation.scope) if query.window else relation.scope, functions)
    if not calls:
        for column in selected:
            compiler.code(column.expression)
        raise StatementError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")
    codes = [compiler.code(expr) for expr in groups]
    _check_groups(groups, codes)
    if query.window is not None:
        refuse_bounds(calls)
    window = _windowing(query, relation, codes)
    aggregators, args, slots = _aggregates(calls, compiler, functions, relation)
    step = AggregateStep(
        relation.step,
        compile_projection(
            compiler, [(f"GROUP BY {expression_text(expr)}", code) for expr, code in zip(groups, codes, strict=True)]
        ),
        compile_projection(compiler, args),
        tuple(aggregators),
        tuple(slots),
        relation.kind == TABLE,
        f"{', '.join(map(expression_text, calls))} BY {', '.join(map(expression_text, groups))}"
        f"{f' WINDOW {window_text(window)}' if window else ''}",
        window,
    )
    rewrite = [(expr, ast.ColumnRef(None, f"{GROUP_PREFIX}{place}")) for place, expr in enumerate(groups)]
    rewrite += [(call, ast.ColumnRef(None, f"{AGGREGATE_PREFIX}{place}")) for place, call in enumerate(calls)]
    if window is not None:
        owner = relation.scope.columns[0].source
        rewrite += [(ast.ColumnRef(owner, name), ast.ColumnRef(None, name)) for name in WINDOW_BOUNDS]
    selected = [Selected(substitute(column.expression, rewrite), column.name, column.aliased) for column in selected]
    _check_grouped([column.expression for column in selected], "SELECT", WINDOW_BOUNDS if window else ())
    if having is not None:
        having = substitute(having, rewrite)
        _check_grouped([having], "HAVING")
    scope = _grouped_scope(codes, aggregators, window)
    keys = tuple(
        Column(partition_name(expr, place), code.type)
        for place, (expr, code) in enumerate(zip(groups, codes, strict=True))
    )
    info = window.info if window else None
    return Regrouped(Relation(step, scope, TABLE, keys, relation.left, window=info), selected, having)


def _windowing(query: Query, relation: Relation, groups: Sequence[Code]) -> Windowing | None:
    """Return the windows of a GROUP BY. Raises StatementError for windows over a table."""
    if query.window is None:
        return None
    if relation.kind == TABLE:
        raise StatementError("Windowing not supported for table aggregations.")
    by_key = [code.text for code in groups] == [f"k[{place}]" for place in range(len(relation.keys))]
    return windowing(query.window, final=query.emit == "FINAL", repartitioned=not by_key)


def _grouped_scope(codes: Sequence[Code], aggregators: Sequence[Aggregator], window: Windowing | None) -> Scope:
    columns = [
        ScopeColumn(None, f"{GROUP_PREFIX}{place}", code.type, f"k[{place}]", is_key=True)
        for place, code in enumerate(codes)
    ]
    columns += [
        ScopeColumn(None, f"{AGGREGATE_PREFIX}{place}", aggregator.returns, f"v[{place}]")
        for place, aggregator in enumerate(aggregators)
    ]
    return Scope([*columns, *(bounds_columns(None, len(codes)) if window else ())])


def _check_groups(groups: Sequence[ast.Expr], codes: Sequence[Code]) -> None:
    for place, (expr, code) in enumerate(zip(groups, codes, strict=True)):
        if expr in groups[:place]:
            raise StatementError(f"Duplicate GROUP BY expression: {expression_text(expr)}")
        if code.type.base == "MAP":
            raise StatementError(f"GROUP BY does not support maps: {expression_text(expr)}")


def _check_grouped(expressions: Sequence[ast.Expr], clause: str, bounds: Sequence[str] = ()) -> None:
    loose: list[str] = []
    for expr in expressions:
        loose += [
            expression_text(ref)
            for ref in references(expr)
            if not ref.name.startswith((GROUP_PREFIX, AGGREGATE_PREFIX)) and ref.name not in bounds
        ]
    if loose:
        names = ", ".join(dict.fromkeys(name.rsplit(".", 1)[-1] for name in loose))
        raise StatementError(
            f"Non-aggregate {clause} expression(s) not part of GROUP BY: {names}\n"
            f"Either add the column(s) to the GROUP BY or remove them from the {clause}."
        )


def _aggregate_calls(expressions: Sequence[ast.Expr], functions: FunctionRegistry) -> list[ast.Call]:
    found: list[ast.Call] = []

    def visit(expr: ast.Expr, inside: str | None) -> None:
        if isinstance(expr, ast.Call) and functions.is_aggregate(expr.name):
            if inside:
                raise StatementError(f"Aggregate functions can not be nested: {inside}({expression_text(expr)})")
            if expr not in found:
                found.append(expr)
            inside = expr.name
        for child in ast.children(expr):
            visit(child, inside)

    for expr in expressions:
        visit(expr, None)
    return found


def _aggregates(
    calls: Sequence[ast.Call], compiler: Compiler, functions: FunctionRegistry, relation: Relation
) -> tuple[list[Aggregator], list[tuple[str, Code]], list[tuple[int, int]]]:
    """Return the aggregators, the code of all their arguments, and for each its (first argument, how many)."""
    aggregators: list[Aggregator] = []
    args: list[tuple[str, Code]] = []
    slots: list[tuple[int, int]] = []
    for call in calls:
        codes = [compiler.code(arg) for arg in call.args]
        constants = [arg.value if isinstance(arg, ast.Literal) else None for arg in call.args]
        aggregator = functions.aggregates[call.name].resolve(
            Arguments([code.type for code in codes], constants, functions.config)
        )
        slots.append((len(args), aggregator.values))
        args += [(expression_text(call), code) for code in codes[: aggregator.values]]
        aggregators.append(aggregator)
    if relation.kind == TABLE:
        _check_table(calls, aggregators)
    return aggregators, args, slots


def _check_table(calls: Sequence[ast.Call], aggregators: Sequence[Aggregator]) -> None:
    names = sorted({call.name for call, made in zip(calls, aggregators, strict=True) if made.undo is None})
    if names:
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        plural = "s" if len(names) > 1 else ""
        raise StatementError(
            f"The aggregation function{plural} {listed} cannot be applied to a table source, only to a stream source."
        )
