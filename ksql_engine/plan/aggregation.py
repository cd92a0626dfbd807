"""The aggregate calls of a GROUP BY query: which there are, what they need, and what may stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.functions.aggregate import Aggregator, Arguments
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.relation import Relation

_FLAT_FORMATS = ("DELIMITED", "KAFKA")


@dataclass(frozen=True)
class Aggregation:
    """Aggregate calls made ready: the code of all their arguments, and for each call (first argument, how many)."""

    calls: tuple[ast.Call, ...]
    aggregators: tuple[Aggregator, ...]
    args: tuple[tuple[str, Code], ...]
    slots: tuple[tuple[int, int], ...]


def aggregate_calls(expressions: Sequence[ast.Expr], functions: FunctionRegistry) -> list[ast.Call]:
    """Return the aggregate calls, each once, in the order they appear. Raises StatementError for one inside another."""
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


def aggregation(
    calls: Sequence[ast.Call], compiler: Compiler, functions: FunctionRegistry, relation: Relation
) -> Aggregation:
    """Return `calls` made ready. Raises StatementError when one does not fit its arguments or the source."""
    aggregators: list[Aggregator] = []
    args: list[tuple[str, Code]] = []
    slots: list[tuple[int, int]] = []
    for call in calls:
        given_args = arguments(call)
        codes = [compiler.code(arg) for arg in given_args]
        constants = [arg.value if isinstance(arg, ast.Literal) else None for arg in given_args]
        given = Arguments([code.type for code in codes], constants, functions.config)
        aggregator = functions.aggregates[call.name].aggregator(given)
        slots.append((len(args), aggregator.values))
        args += [(expression_text(call), code) for code in codes[: aggregator.values]]
        aggregators.append(aggregator)
    if relation.kind == "TABLE":
        _check_table(calls, aggregators)
    if relation.left.value_format.name in _FLAT_FORMATS and any(made.nested for made in aggregators):
        raise StatementError(
            "One of the functions used in the statement has an intermediate type that the value format can not "
            "handle. Please remove the function or change the format."
        )
    return Aggregation(tuple(calls), tuple(aggregators), tuple(args), tuple(slots))


def arguments(call: ast.Call) -> tuple[ast.Expr, ...]:
    """Return what a call aggregates: without arguments, or of `*`, the rows' times, except that COUNT takes rows."""
    return call.args if call.args or call.name == "COUNT" else (ast.ColumnRef(None, "ROWTIME"),)


def _check_table(calls: Sequence[ast.Call], aggregators: Sequence[Aggregator]) -> None:
    names = [call.name for call, made in zip(calls, aggregators, strict=True) if made.undo is None]
    if names:
        listed = and_list(list(dict.fromkeys(names)))
        plural = "s" if len(names) > 1 else ""
        raise StatementError(
            f"The aggregation function{plural} {listed} cannot be applied to a table source, only to a stream source."
        )


def and_list(names: Sequence[str]) -> str:
    """Return `A`, `A and B` or `A, B and C`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def refuse_aggregates(groups: Sequence[ast.Expr], functions: FunctionRegistry) -> None:
    """Raise StatementError when a GROUP BY expression has an aggregate function in it."""
    for expr in groups:
        for call in aggregate_calls([expr], functions):
            raise StatementError(
                f"GROUP BY does not support aggregate functions: {call.name} is an aggregate function."
            )


def refuse_loose(loose: Sequence[ast.Expr], joined: bool) -> None:
    """Raise StatementError when SELECT items are neither grouped nor aggregated."""
    if loose:
        shown = ", ".join(dict.fromkeys(message_text(expr, joined) for expr in loose))
        remedy = "Either add the column(s) to the GROUP BY or remove them from the SELECT."
        raise StatementError(f"Non-aggregate SELECT expression(s) not part of GROUP BY: {shown}\n{remedy}")


def message_text(expr: ast.Expr, joined: bool) -> str:
    """Return an expression for a message: columns without their source, those of a join as it names them."""

    def bare(part: ast.Expr) -> ast.Expr:
        if isinstance(part, ast.ColumnRef):
            return ast.ColumnRef(None, f"{part.source}_{part.name}" if joined and part.source else part.name)
        return ast.rebuild(part, bare)

    return expression_text(bare(expr))
