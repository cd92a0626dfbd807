"""Expressions back to text, for messages that quote them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ksql_engine.dialect import ast
from ksql_engine.types import STRING


def expression_text(expr: ast.Expr) -> str:
    """Return `expr` the way messages quote it: operators in brackets, upper-case names bare, others in back-ticks."""
    write = _WRITERS.get(type(expr))
    return write(expr) if write else type(expr).__name__


def name_text(name: str) -> str:
    """Return a name bare when it needs no quotes, else in back-ticks."""
    return name if name == name.upper() and name.replace("_", "A").isalnum() else f"`{name}`"


def listed(names: Iterable[str], word: str = "and") -> str:
    """Return names as a sentence lists them: `A`, `A and B`, `A, B and C`."""
    found = list(names)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {word} {found[-1]}"


def _literal(expr: ast.Literal) -> str:
    if expr.value is None:
        return "null"
    if expr.type == STRING:
        return "'" + str(expr.value).replace("'", "''") + "'"
    return str(expr.value).lower() if isinstance(expr.value, bool) else str(expr.value)


def _column(expr: ast.ColumnRef) -> str:
    return f"{name_text(expr.source)}.{name_text(expr.name)}" if expr.source else name_text(expr.name)


def _list(items: tuple[ast.Expr, ...]) -> str:
    return ", ".join(expression_text(item) for item in items)


def _case(expr: ast.Case) -> str:
    parts = ["(CASE"]
    if expr.operand is not None:
        parts.append(expression_text(expr.operand))
    parts += [f"WHEN {expression_text(when)} THEN {expression_text(then)}" for when, then in expr.whens]
    if expr.default is not None:
        parts.append(f"ELSE {expression_text(expr.default)}")
    return " ".join([*parts, "END)"])


def _compare(expr: ast.Compare) -> str:
    op = {"DISTINCT": "IS DISTINCT FROM", "NOT DISTINCT": "IS NOT DISTINCT FROM"}.get(expr.op, expr.op)
    return f"({expression_text(expr.left)} {op} {expression_text(expr.right)})"


def _binary(expr: Any) -> str:
    return f"({expression_text(expr.left)} {expr.op} {expression_text(expr.right)})"


def _like(expr: ast.Like) -> str:
    escape = f" ESCAPE '{expr.escape}'" if expr.escape else ""
    return f"({expression_text(expr.operand)} LIKE {expression_text(expr.pattern)}{escape})"


def _lambda(expr: ast.Lambda) -> str:
    names = ", ".join(expr.params)
    return f"({names}) => {expression_text(expr.body)}"


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    ast.Literal: _literal,
    ast.ColumnRef: _column,
    ast.Dereference: lambda e: f"{expression_text(e.base)}->{name_text(e.name)}",
    ast.Subscript: lambda e: f"{expression_text(e.base)}[{expression_text(e.index)}]",
    ast.Call: lambda e: f"{e.name}({'*' if e.star else _list(e.args)})",
    ast.Lambda: _lambda,
    ast.Arithmetic: _binary,
    ast.Negate: lambda e: f"-{expression_text(e.operand)}",
    ast.Compare: _compare,
    ast.Logical: _binary,
    ast.Not: lambda e: f"(NOT {expression_text(e.operand)})",
    ast.Between: lambda e: (
        f"({expression_text(e.operand)} BETWEEN {expression_text(e.low)} AND {expression_text(e.high)})"
    ),
    ast.In: lambda e: f"({expression_text(e.operand)} IN ({_list(e.items)}))",
    ast.Like: _like,
    ast.IsNull: lambda e: f"({expression_text(e.operand)} IS {'NOT ' if e.negated else ''}NULL)",
    ast.Case: _case,
    ast.Cast: lambda e: f"CAST({expression_text(e.operand)} AS {e.type})",
    ast.ArrayLiteral: lambda e: f"ARRAY[{_list(e.items)}]",
    ast.MapLiteral: lambda e: (
        "MAP(" + ", ".join(f"{expression_text(key)}:={expression_text(value)}" for key, value in e.entries) + ")"
    ),
    ast.StructLiteral: lambda e: (
        "STRUCT(" + ", ".join(f"{name_text(name)}:={expression_text(value)}" for name, value in e.fields) + ")"
    ),
    ast.IntervalUnit: lambda e: str(e.name),
}
