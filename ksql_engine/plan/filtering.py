"""WHERE and HAVING: a condition made ready, and what is said of one that is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import ExpressionCodeError, ExpressionTypeError, StatementError
from ksql_engine.expressions.compiler import Compiled, Compiler
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.model import TABLE, FilterStep
from ksql_engine.plan.relation import Relation
from ksql_engine.types import BOOLEAN


def filtered(relation: Relation, expr: ast.Expr, functions: FunctionRegistry, clause: str) -> Relation:
    """Return the rows for which `expr` is true; `clause` is WHERE or HAVING. Raises StatementError."""
    compiled = condition(expr, relation.scope, functions, clause)
    step = FilterStep(relation.step, compiled.call, relation.kind == TABLE, expression_text(expr))
    return replace(relation, step=step)


def condition(expr: ast.Expr, scope: Scope, functions: FunctionRegistry, clause: str) -> Compiled:
    """Return `expr` as a function of key and value. Raises StatementError when it is not BOOLEAN."""
    compiler = Compiler(scope.for_clause(clause), functions)
    try:
        with code_errors("Predicate"):
            compiled = compiler.compile(expr)
    except ExpressionTypeError as error:
        raise StatementError(f"Error in {clause} expression: {error}") from error
    if compiled.type != BOOLEAN:
        raise StatementError(
            f"Type error in {clause} expression: Should evaluate to boolean but is "
            f"{compiler.shown(expr)} ({compiled.type}) instead."
        )
    return compiled


@contextmanager
def code_errors(what: str) -> Iterator[None]:
    """Say of an expression without code what it was for: `Select` or `Predicate`."""
    try:
        yield
    except ExpressionCodeError as error:
        raise StatementError(f"Invalid {what}: {error}") from error
