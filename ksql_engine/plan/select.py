"""The SELECT list: which columns it means, what they are called, and which of them are the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import SelectItem
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.model import RESERVED_NAMES


@dataclass(frozen=True)
class Selected:
    """One output column before it is known to be key or value; `star` marks one that came from a `*`."""

    expression: ast.Expr
    name: str
    aliased: bool
    star: bool = False


def expand(
    items: Sequence[SelectItem],
    scope: Scope,
    joined: bool,
    partition_by: Sequence[ast.Expr],
    functions: FunctionRegistry,
) -> list[Selected]:
    """Return the columns of a SELECT list, `*` spelled out: with PARTITION BY, as the rows are afterwards.

    Raises StatementError for a name twice.
    """
    namer = _Namer(items, scope)
    found: list[Selected] = []
    for item in items:
        if item.expression is None:
            star = _star(item, scope, joined, hidden=joined and bool(partition_by))
            found += _repartitioned(star, partition_by, scope, joined) if partition_by else star
        elif item.unpack:
            found += _fields(qualify(item.expression, scope), scope, functions)
        else:
            name = item.alias or namer.name(item.expression)
            found.append(Selected(qualify(item.expression, scope), name, item.alias is not None))
    seen: set[str] = set()
    for column in found:
        if column.name in seen:
            raise StatementError(
                f"The projection contains a duplicate column: `{column.name}`"
                if not joined
                else f"Duplicate column name: {column.name}"
            )
        seen.add(column.name)
    return found


def check_names(items: Sequence[SelectItem], persistent: bool, joined: bool) -> None:
    """Raise StatementError for the name of a pseudo column: as an alias, or written under it.

    In a join a pseudo column without an alias is written under the name of its source and its own.
    """
    for item in items:
        own = item.expression.name if isinstance(item.expression, ast.ColumnRef) else None
        if item.alias in RESERVED_NAMES and item.alias != own:
            raise StatementError(
                f"`{item.alias}` is a reserved column name. You cannot use it as an alias for a column."
            )
        name = item.alias or (None if joined else own)
        if persistent and name in RESERVED_NAMES:
            raise StatementError(f"Reserved column name in select: `{name}`. Please remove or alias the column.")


def _star(item: SelectItem, scope: Scope, joined: bool, hidden: bool) -> list[Selected]:
    """Return the columns of `*`; `hidden` ones too where rows of a join get another key, as in ksqlDB."""
    columns = [column for column in scope.columns if hidden or not column.hidden]
    if item.source is not None:
        columns = [column for column in columns if column.source == item.source]
        if not columns:
            raise StatementError(f"'{item.source}' is not a valid stream/table name or alias.")
    return [Selected(_ref(column), _star_name(_ref(column), joined), False) for column in columns]


def _fields(expr: ast.Expr, scope: Scope, functions: FunctionRegistry) -> list[Selected]:
    """Return the fields of a struct, each under its own name."""
    kind = Compiler(scope, functions).code(expr).type
    if kind.base != "STRUCT":
        raise StatementError(f"Cannot use -> with * on {expression_text(expr)}: it is {kind}, not a STRUCT.")
    return [Selected(ast.Dereference(expr, name), name, True) for name, _ in kind.fields]


def _star_name(ref: ast.ColumnRef, joined: bool) -> str:
    return f"{ref.source}_{ref.name}" if joined and ref.source else ref.name


def _repartitioned(
    star: list[Selected], partition_by: Sequence[ast.Expr], scope: Scope, joined: bool
) -> list[Selected]:
    """Return the columns of `*` after PARTITION BY: the new key, then of each source the value and the old key."""
    groups = [qualify(expr, scope) for expr in partition_by if not isinstance(expr, ast.Literal)]
    keys = [
        Selected(
            expr,
            _star_name(expr, joined) if isinstance(expr, ast.ColumnRef) else partition_name(expr, place),
            False,
            star=True,
        )
        for place, expr in enumerate(groups)
    ]
    old = {_ref(column) for column in scope.columns if column.is_key}
    sources = list(dict.fromkeys(column.source for column in scope.columns))
    rest = [column for column in star if column.expression not in groups]
    rest.sort(key=lambda column: (sources.index(_source(column)), column.expression in old))
    return [*keys, *rest]


def _source(column: Selected) -> str | None:
    return column.expression.source if isinstance(column.expression, ast.ColumnRef) else None


def partition_name(expr: ast.Expr, position: int) -> str:
    """Return the name a key column has when the SELECT does not alias it."""
    return expr.name if isinstance(expr, (ast.ColumnRef, ast.Dereference)) else f"KSQL_COL_{position}"


def _ref(column: ScopeColumn) -> ast.ColumnRef:
    return ast.ColumnRef(column.source, column.name)


class _Namer:
    """Gives unaliased expressions their names, in order and without a clash."""

    def __init__(self, items: Sequence[SelectItem], scope: Scope) -> None:
        self._scope = scope
        self._taken = {item.alias for item in items if item.alias}
        self._taken |= {column.name for column in scope.columns}
        self._taken |= {
            item.expression.name for item in items if isinstance(item.expression, ast.ColumnRef) and not item.alias
        }
        self._generated = 0

    def name(self, expr: ast.Expr) -> str:
        if isinstance(expr, ast.ColumnRef):
            return self._column_name(expr)
        if isinstance(expr, ast.Dereference):
            return self._unique(expr.name)
        while f"KSQL_COL_{self._generated}" in self._taken:
            self._generated += 1
        name = f"KSQL_COL_{self._generated}"
        self._taken.add(name)
        return name

    def _column_name(self, expr: ast.ColumnRef) -> str:
        same = [column for column in self._scope.columns if column.name == expr.name]
        return f"{expr.source}_{expr.name}" if expr.source and len(same) > 1 else expr.name

    def _unique(self, base: str) -> str:
        name, count = base, 0
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name


def qualify(expr: ast.Expr, scope: Scope, params: frozenset[str] = frozenset()) -> ast.Expr:
    """Return `expr` with each column under its source, so that equal meanings are equal data.

    Raises StatementError for a column that is not there. `params` are lambda parameters, which stay as they are.
    """
    if isinstance(expr, ast.ColumnRef):
        if expr.source is None and expr.name in params:
            return expr
        column = scope.resolve(expr)
        return ast.ColumnRef(column.source, column.name, expr.place)
    if isinstance(expr, ast.Lambda):
        return replace(expr, body=qualify(expr.body, scope, params | set(expr.params)))
    return ast.rebuild(expr, lambda child: qualify(child, scope, params))


def references(expr: ast.Expr) -> list[ast.ColumnRef]:
    """Return the columns an expression names, lambda parameters left out, from left to right."""
    if isinstance(expr, ast.ColumnRef):
        return [expr]
    found = [ref for child in ast.children(expr) for ref in references(child)]
    if isinstance(expr, ast.Lambda):
        return [ref for ref in found if ref.source is not None or ref.name not in expr.params]
    return found


def substitute(expr: ast.Expr, replacements: Sequence[tuple[ast.Expr, ast.Expr]]) -> ast.Expr:
    """Return `expr` with each part that equals a left side replaced by its right side."""
    for old, new in replacements:
        if expr == old:
            return new
    return ast.rebuild(expr, lambda child: substitute(child, replacements))
