"""ON: what a join compares, and which sources may be joined at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import JoinClause
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.scope import Scope
from ksql_engine.plan.model import Source
from ksql_engine.plan.select import qualify, references

KIND_TEXT = {
    "INNER": "[INNER] JOIN",
    "LEFT": "LEFT [OUTER] JOIN",
    "RIGHT": "RIGHT [OUTER] JOIN",
    "FULL": "[FULL] OUTER JOIN",
}


@dataclass(frozen=True)
class Condition:
    """An equality of two sides, every column under its source; `written` has them in the order of the statement."""

    left: ast.Expr
    right: ast.Expr
    written: tuple[ast.Expr, ast.Expr]

    @property
    def text(self) -> str:
        """The form that messages show."""
        return " = ".join(map(expression_text, self.written))


def check_sources(sources: Sequence[Source], aliases: Sequence[str]) -> None:
    """Raise StatementError when these sources cannot be joined with each other."""
    names = [source.name for source in sources]
    for place, name in enumerate(names):
        if name in names[:place] and len(names) == 2:
            raise StatementError(f"Can not join '{name}' to '{name}': self joins are not yet supported.")
        if name in names[:place]:
            raise StatementError(
                f"N-way joins do not support multiple occurrences of the same source. Source: '{name}'"
            )
        if aliases[place] in aliases[:place]:
            raise StatementError(f"Each side of the join must have a unique alias: {aliases[place]}")
    kafka = [source.name for source in sources if source.value_format.name == "KAFKA"]
    if kafka:
        raise StatementError(
            f"Source(s) {', '.join(kafka)} are using the 'KAFKA' value format. This format does not yet support JOIN."
        )


def check_windows(left: Source, right: Source) -> None:
    """Raise StatementError when rows of windows would meet rows that have none or others."""
    if (left.window is None) != (right.window is None):
        raise StatementError(
            f"Can not join windowed source to non-windowed source.\n{_windowed(left)}\n{_windowed(right)}"
        )
    if left.window is not None and right.window is not None:
        sizes = [(source.window.kind == "SESSION", source.window.size) for source in (left, right) if source.window]
        if sizes[0] != sizes[1]:
            raise implicit_repartition()


def implicit_repartition() -> StatementError:
    """Return the error of a windowed source that would have to be given another key."""
    return StatementError(
        "Implicit repartitioning of windowed sources is not supported. "
        "See https://github.com/confluentinc/ksql/issues/4385."
    )


def _windowed(source: Source) -> str:
    return f"`{source.name}` is {f'{source.window.kind} windowed' if source.window else 'not windowed'}"


def check_partitions(left: Source, right: Source) -> None:
    """Raise StatementError when both topics' partitions are known and differ: equal keys would not meet."""
    if left.partitions is None or right.partitions is None or left.partitions == right.partitions:
        return
    raise StatementError(
        f"Can't join `{left.name}` with `{right.name}` since the number of partitions don't match. "
        f"`{left.name}` partitions = {left.partitions}; `{right.name}` partitions = {right.partitions}. "
        f"Please repartition either one so that the number of partitions match."
    )


def read_condition(join: JoinClause, scope: Scope, lefts: Sequence[str]) -> Condition:
    """Return the ON of `join`; `scope` has all sources, `lefts` are the aliases of those before the join.

    Raises StatementError when ON is not one equality between the two sides.
    """
    whole = join.condition
    _check_names(whole, scope)
    if isinstance(whole, ast.Logical):
        raise StatementError(
            f"Invalid join condition: joins on multiple conditions are not yet supported. Got {expression_text(whole)}."
        )
    if not isinstance(whole, ast.Compare):
        raise StatementError(f"Unsupported join expression: {expression_text(whole)}.")
    if whole.op != "=":
        raise StatementError("Only equality join criteria is supported.")
    names = scope.for_clause("JOIN ON")
    sides = (qualify(whole.left, names), qualify(whole.right, names))
    owners = [_owner(side, ast.Compare("=", *sides)) for side in sides]
    right = join.right.alias
    if owners[0] in lefts and owners[1] == right:
        return Condition(sides[0], sides[1], sides)
    if owners[1] in lefts and owners[0] == right:
        return Condition(sides[1], sides[0], sides)
    if owners[0] == owners[1]:
        raise StatementError(
            f"Each side of the join must reference exactly one source and not the same source. "
            f"Left side references `{owners[0]}` and right references `{owners[1]}`"
        )
    raise StatementError(
        f"A join criteria is expected to reference the source (`{right}`) in the FROM clause, instead the right source "
        f"references `{owners[1]}` and the left source references `{owners[0]}`"
    )


def _check_names(expr: ast.Expr, scope: Scope) -> None:
    known = {column.source for column in scope.columns}
    for ref in references(expr):
        if ref.source is not None and ref.source not in known:
            raise StatementError(
                f"Failed to prepare statement: '{ref.source}' is not a valid stream/table name or alias."
            )


def _owner(side: ast.Expr, whole: ast.Expr) -> str:
    owners = {ref.source or "" for ref in references(side)}
    if len(owners) != 1:
        raise StatementError(
            f"Invalid comparison expression '{expression_text(side)}' in join '{expression_text(whole)}'. "
            f"Each side of the join comparision must contain references from exactly one source."
        )
    return owners.pop()
