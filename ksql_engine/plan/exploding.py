"""Table functions in a SELECT: each row becomes several, before the rest of the SELECT is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.calls import table_call_code
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.model import TABLE, ExplodeStep
from ksql_engine.plan.relation import Relation
from ksql_engine.plan.select import Selected, substitute
from ksql_engine.types import NULL

EXPLODED_PREFIX = "$EXPLODED_"


def exploded(
    relation: Relation, selected: list[Selected], functions: FunctionRegistry, grouped: bool
) -> tuple[Relation, list[Selected]]:
    """Return the rows after the table functions, and the SELECT over them; both as they are when it has none.

    Raises StatementError where table functions cannot stand.
    """
    calls = table_calls([column.expression for column in selected], functions)
    if not calls:
        return relation, selected
    if grouped:
        raise StatementError("Table functions cannot be used with aggregations.")
    if relation.kind == TABLE:
        raise StatementError("Table source is not supported with table functions")
    compiler = Compiler(relation.scope, functions)
    codes = [table_call_code(compiler, call) for call in calls]
    width = _width(relation.scope)
    columns = [
        ScopeColumn(None, f"{EXPLODED_PREFIX}{place}", code.type.item or NULL, f"v[{width + place}]", hidden=True)
        for place, code in enumerate(codes)
    ]
    items = compile_projection(compiler, _named(calls, codes))
    names = [(call, ast.ColumnRef(None, column.name)) for call, column in zip(calls, columns, strict=True)]
    after = [replace(column, expression=substitute(column.expression, names)) for column in selected]
    step = ExplodeStep(relation.step, items)
    return replace(relation, step=step, scope=Scope([*relation.scope.columns, *columns])), after


def _named(calls: Sequence[ast.Call], codes: Sequence[Code]) -> list[tuple[str, Code]]:
    return [(expression_text(call), code) for call, code in zip(calls, codes, strict=True)]


def _width(scope: Scope) -> int:
    """Return how many values a row has."""
    places = [int(column.code[2:-1]) for column in scope.columns if column.code.startswith("v[")]
    return max(places, default=-1) + 1


def table_calls(expressions: Sequence[ast.Expr], functions: FunctionRegistry) -> list[ast.Call]:
    """Return the calls of table functions, each once. Raises StatementError for one inside another."""
    found: list[ast.Call] = []

    def visit(expr: ast.Expr, inside: bool) -> None:
        table = isinstance(expr, ast.Call) and functions.is_table(expr.name)
        if table and inside:
            raise StatementError("Table functions cannot be nested")
        if isinstance(expr, ast.Call) and table and expr not in found:
            found.append(expr)
        for child in ast.children(expr):
            visit(child, inside or table)

    for expression in expressions:
        visit(expression, inside=False)
    return found
