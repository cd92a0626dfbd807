"""PARTITION BY: a stream's rows under a new key."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.grouping import GROUP_PREFIX, Regrouped
from ksql_engine.plan.join_conditions import implicit_repartition
from ksql_engine.plan.model import TABLE, Column, ProjectStep
from ksql_engine.plan.relation import Relation
from ksql_engine.plan.select import Selected, partition_name, qualify, references, substitute
from ksql_engine.types import NULL

_CLAUSE = "PARTITION BY"
_NULL_KEY = ast.Literal(None, NULL)


def partition(
    relation: Relation, partition_by: Sequence[ast.Expr], selected: list[Selected], functions: FunctionRegistry
) -> Regrouped:
    """Plan PARTITION BY: the value keeps every column, the key becomes the given expressions, or none for NULL.

    Raises StatementError when the rows cannot have this key.
    """
    groups = _groups(relation, partition_by, selected)
    compiler = Compiler(relation.scope, functions)
    codes = [compiler.code(expr) for expr in groups]
    kept = list(relation.scope.columns)
    value = [(column.name, Code(column.code, column.type, simple=True)) for column in kept]
    step = ProjectStep(
        relation.step,
        compile_projection(compiler, [(expression_text(e), c) for e, c in zip(groups, codes, strict=True)]),
        compile_projection(compiler, value),
    )
    columns = [
        ScopeColumn(None, f"{GROUP_PREFIX}{place}", code.type, f"k[{place}]", is_key=True)
        for place, code in enumerate(codes)
    ]
    columns += [
        ScopeColumn(column.source, column.name, column.type, f"v[{place}]", hidden=column.hidden)
        for place, column in enumerate(kept)
    ]
    rewrite = [(expr, ast.ColumnRef(None, f"{GROUP_PREFIX}{place}")) for place, expr in enumerate(groups)]
    selected = [Selected(substitute(column.expression, rewrite), column.name, column.aliased) for column in selected]
    keys = tuple(
        Column(partition_name(expr, place), code.type)
        for place, (expr, code) in enumerate(zip(groups, codes, strict=True))
    )
    texts = tuple(map(expression_text, groups))
    made = Relation(step, Scope(columns), relation.kind, keys, relation.left, partitioned=texts)
    return Regrouped(made, selected, None)


def _groups(relation: Relation, partition_by: Sequence[ast.Expr], selected: Sequence[Selected]) -> list[ast.Expr]:
    """Return the new key's expressions, every column under its source."""
    if relation.kind == TABLE:
        raise StatementError(
            "PARTITION BY clause has not been applied: tables cannot be re-partitioned. Use a GROUP BY clause instead."
        )
    if len(partition_by) > 1 and _NULL_KEY in partition_by:
        raise StatementError("Cannot PARTITION BY multiple columns including NULL")
    if list(partition_by) == [_NULL_KEY]:
        return []
    if relation.window is not None:
        raise implicit_repartition()
    _check_not_output(relation, partition_by, selected)
    return [qualify(expr, relation.scope.for_clause(_CLAUSE)) for expr in partition_by]


def _check_not_output(relation: Relation, partition_by: Sequence[ast.Expr], selected: Sequence[Selected]) -> None:
    """Raise StatementError when a name means nothing but a column that the SELECT makes."""
    made = {column.name for column in selected if column.aliased}
    for ref in [ref for expr in partition_by for ref in references(expr)]:
        if ref.source is None and ref.name in made and relation.scope.find(ref) is None:
            raise StatementError(
                f"{_CLAUSE} column '{ref.name}' cannot be resolved. '{ref.name}' must be a column in the source "
                f"schema since {_CLAUSE} is applied on the input."
            )
