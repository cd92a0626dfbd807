"""FROM and JOIN: which rows a query starts from, and the names in them."""

from __future__ import annotations

from dataclasses import dataclass

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import JoinClause, Query, SourceRef
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import (
    PSEUDO,
    STREAM,
    TABLE,
    WINDOW_BOUNDS,
    Column,
    Source,
    SourceStep,
    Step,
    StreamTableJoinStep,
    TableJoinStep,
    WindowInfo,
)
from ksql_engine.types import BIGINT


@dataclass(frozen=True)
class Relation:
    """Rows with names. `keys` are the columns of the key tuple; `joined` marks a relation of several sources.

    With a `window` the key tuple ends with the window's bounds, which `keys` leaves out.
    """

    step: Step
    scope: Scope
    kind: str
    keys: tuple[Column, ...]
    left: Source
    joined: bool = False
    window: WindowInfo | None = None


@dataclass(frozen=True)
class _Side:
    """One source of a query with its alias."""

    ref: SourceRef
    source: Source


def from_clause(query: Query, metastore: Metastore, functions: FunctionRegistry, pseudo: bool) -> Relation:
    """Return the rows of FROM and JOIN; with `pseudo` they carry the pseudo columns.

    Raises StatementError when a source is missing or a join is not allowed.
    """
    left = _Side(query.source, metastore.source(query.source.name))
    if not query.joins:
        step = SourceStep(left.source, pseudo)
        scope = Scope(single_columns(left.source, left.ref.alias, pseudo))
        return Relation(step, scope, left.source.kind, left.source.schema.key, left.source, window=left.source.window)
    rights = [_Side(join.right, metastore.source(join.right.name)) for join in query.joins]
    _check_sides(left, rights)
    if left.source.kind == STREAM:
        return _stream_table(left, rights, query.joins, functions, pseudo)
    return _tables(left, rights, query.joins, pseudo)


def single_columns(source: Source, alias: str, pseudo: bool) -> list[ScopeColumn]:
    """Return the names of one source's row: key columns and window bounds in `k`, value and pseudo columns in `v`."""
    columns = [
        ScopeColumn(alias, column.name, column.type, f"k[{place}]", is_key=True)
        for place, column in enumerate(source.schema.key)
    ]
    if source.window is not None:
        columns += bounds_columns(alias, len(source.schema.key))
    held = [(column.name, column.type, False) for column in source.row_columns]
    held += [(name, kind, True) for name, kind in PSEUDO] if pseudo else []
    columns += [
        ScopeColumn(alias, name, kind, f"v[{place}]", hidden=hidden) for place, (name, kind, hidden) in enumerate(held)
    ]
    return columns


def bounds_columns(alias: str | None, width: int) -> list[ScopeColumn]:
    """Return WINDOWSTART and WINDOWEND of a windowed row whose key has `width` columns."""
    return [
        ScopeColumn(alias, name, BIGINT, f"k[{width + place}]", hidden=True) for place, name in enumerate(WINDOW_BOUNDS)
    ]


def _joined_columns(sides: list[_Side], pseudo: bool) -> tuple[list[ScopeColumn], tuple[int, ...]]:
    """Return the names of rows side by side (each: key, window bounds, value, pseudo columns), and how wide each is."""
    columns: list[ScopeColumn] = []
    widths: list[int] = []
    offset = 0
    for side in sides:
        schema = side.source.schema
        held = [(column.name, column.type, True, False) for column in schema.key]
        held += [(name, BIGINT, False, True) for name in WINDOW_BOUNDS] if side.source.window else []
        held += [(column.name, column.type, False, False) for column in side.source.row_columns]
        held += [(name, kind, False, True) for name, kind in PSEUDO] if pseudo else []
        columns += [
            ScopeColumn(side.ref.alias, name, kind, f"v[{offset + place}]", is_key, hidden)
            for place, (name, kind, is_key, hidden) in enumerate(held)
        ]
        widths.append(len(held))
        offset += len(held)
    return columns, tuple(widths)


def _check_sides(left: _Side, rights: list[_Side]) -> None:
    seen = {left.ref.alias}
    names = {left.source.name}
    for right in rights:
        if right.source.name in names:
            raise StatementError(
                f"Can not join '{right.source.name}' to '{right.source.name}': self joins are not yet supported."
            )
        if right.ref.alias in seen:
            raise StatementError(f"Each side of the join must have a unique alias: {right.ref.alias}")
        names.add(right.source.name)
        seen.add(right.ref.alias)
    for side in (left, *rights):
        for spec, what in ((side.source.key_format, "key"), (side.source.value_format, "value")):
            if what == "value" and spec.name in ("KAFKA", "NONE"):
                raise StatementError(
                    f"Source `{side.source.name}` has value format {spec.name}. This format does not yet support JOIN."
                )


def _sides_of(join: JoinClause, scope: Scope, right: str) -> tuple[ast.Expr, ast.Expr]:
    """Return ON as (left expression, right expression). Raises StatementError when it is not one equality."""
    condition = join.condition
    if not isinstance(condition, ast.Compare) or condition.op != "=":
        raise StatementError(
            f"Unsupported join expression: {expression_text(condition)}. "
            f"Only equality of one expression of each side is supported."
        )
    owners = [_owners(side, scope) for side in (condition.left, condition.right)]
    if owners[1] == {right} and right not in owners[0] and owners[0]:
        return condition.left, condition.right
    if owners[0] == {right} and right not in owners[1] and owners[1]:
        return condition.right, condition.left
    raise StatementError(
        f"Invalid comparison expression '{expression_text(condition)}' in join. Each side of the join "
        f"comparision must contain references from exactly one source."
    )


def _owners(expr: ast.Expr, scope: Scope) -> set[str]:
    if isinstance(expr, ast.ColumnRef):
        return {scope.for_clause("JOIN ON").resolve(expr).source or ""}
    return {owner for child in ast.children(expr) for owner in _owners(child, scope)}


def _tables(left: _Side, rights: list[_Side], joins: tuple[JoinClause, ...], pseudo: bool) -> Relation:
    sides = [left, *rights]
    columns, widths = _joined_columns(sides, pseudo)
    scope = Scope(columns)
    for side, join in zip(rights, joins, strict=True):
        if side.source.kind != TABLE:
            raise StatementError(
                f"Invalid join order: table-stream joins are not supported; only stream-table joins. "
                f"Got {left.source.name} {join.kind} JOIN {side.source.name}."
            )
        if join.within is not None:
            raise StatementError(
                "A window definition was provided for a Table-Table join. These joins are not "
                "windowed. Please drop the window definition (ie. the WITHIN clause) and try "
                "to execute your join again."
            )
        if join.kind in ("RIGHT", "FULL"):
            raise StatementError(f"{join.kind} OUTER JOIN of tables is not supported yet")
        _check_table_keys(_sides_of(join, scope, side.ref.alias), scope, join)
    step = TableJoinStep(
        tuple(SourceStep(side.source, pseudo) for side in sides), tuple(join.kind for join in joins), widths
    )
    key = left.source.schema.key
    return Relation(step, scope, TABLE, key, left.source, joined=True)


def _check_table_keys(sides: tuple[ast.Expr, ast.Expr], scope: Scope, join: JoinClause) -> None:
    columns = []
    for side in sides:
        column = scope.find(side) if isinstance(side, ast.ColumnRef) else None
        if column is None or not column.is_key:
            raise StatementError(
                f"Invalid join condition: table-table joins require to join on the primary key of "
                f"both tables. Got {expression_text(join.condition)}. Foreign-key joins are not "
                f"supported yet."
            )
        columns.append(column)
    if columns[0].type != columns[1].type:
        raise StatementError(
            f"Invalid join condition: types don't match. Got "
            f"{expression_text(sides[0])}{{{columns[0].type}}} = "
            f"{expression_text(sides[1])}{{{columns[1].type}}}."
        )


def _stream_table(
    left: _Side, rights: list[_Side], joins: tuple[JoinClause, ...], functions: FunctionRegistry, pseudo: bool
) -> Relation:
    if len(rights) != 1 or rights[0].source.kind != TABLE or joins[0].kind not in ("INNER", "LEFT"):
        raise StatementError("Of the joins with a stream, only INNER and LEFT joins with one table are supported yet")
    right, join = rights[0], joins[0]
    if join.within is not None:
        raise StatementError(
            "A window definition was provided for a Stream-Table join. These joins are not windowed. "
            "Please drop the window definition (ie. the WITHIN clause) and try to execute your "
            "join again."
        )
    columns, widths = _joined_columns([left, right], pseudo)
    scope = Scope(columns)
    on_left, on_right = _sides_of(join, scope, right.ref.alias)
    column = scope.find(on_right) if isinstance(on_right, ast.ColumnRef) else None
    if column is None or not column.is_key:
        raise StatementError(
            f"Invalid join condition: stream-table joins require to join on the table's primary key. "
            f"Got {expression_text(join.condition)}."
        )
    compiler = Compiler(Scope(single_columns(left.source, left.ref.alias, pseudo)), functions)
    code = compiler.code(on_left)
    if code.type != column.type:
        raise StatementError(
            f"Invalid join condition: types don't match. Got {expression_text(on_left)}"
            f"{{{code.type}}} = {expression_text(on_right)}{{{column.type}}}."
        )
    step = StreamTableJoinStep(
        SourceStep(left.source, pseudo),
        SourceStep(right.source, pseudo),
        compile_projection(compiler, [("join key", code)]),
        join.kind,
        widths[1],
    )
    name = on_left.name if isinstance(on_left, ast.ColumnRef) else column.name
    scope = _key_marks(columns, left, on_left, right)
    return Relation(step, scope, STREAM, (Column(name, column.type),), left.source, joined=True)


def _key_marks(columns: list[ScopeColumn], left: _Side, on_left: ast.Expr, right: _Side) -> Scope:
    """Mark the two joined columns, and only them, as the key of the result."""
    name = on_left.name if isinstance(on_left, ast.ColumnRef) else None
    marked = []
    for column in columns:
        is_left = column.source == left.ref.alias and column.name == name
        is_right = column.source == right.ref.alias and column.is_key
        marked.append(
            ScopeColumn(column.source, column.name, column.type, column.code, is_left or is_right, column.hidden)
        )
    return Scope(marked)
