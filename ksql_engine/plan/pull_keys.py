"""The keys that a pull query's WHERE pins down, and what is refused where tables must not be scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import EvaluationError, StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.config import Config, flag
from ksql_engine.plan.model import WINDOW_BOUNDS, Column, Source
from ksql_engine.plan.select import references
from ksql_engine.types import BIGINT, INTEGER, STRING

TABLE_SCANS: Final = "ksql.query.pull.table.scan.enabled"
RANGE_SCANS: Final = "ksql.query.pull.range.scan.enabled"
_MAX_DISJUNCTS: Final = 200
_RANGES: Final = ("<", "<=", ">", ">=")
_MIRRORED: Final[Mapping[str, str]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HELP: Final = (
    "\nPull queries require a WHERE clause that has an equality for each key column in every alternative, or table "
    f"scans: set {TABLE_SCANS}=true."
)
Keys = tuple[tuple[Any, ...], ...]


class _ScanError(StatementError):
    """Raised where only a scan of the whole table could answer."""


@dataclass(frozen=True)
class _Condition:
    """A comparison of a key column with a value that is known now."""

    column: Column
    op: str
    value: Any


def lookup_keys(where: ast.Expr | None, source: Source, functions: FunctionRegistry, config: Config) -> Keys | None:
    """Return the key tuples to look up (without window bounds), or None when all rows have to be looked at.

    Raises StatementError for keys of another type, and, where scans are off, when there are no keys to look up.
    """
    scans = flag(config, TABLE_SCANS, True)
    ranges = flag(config, RANGE_SCANS, True)
    if where is None:
        if not scans:
            raise StatementError(f"Missing WHERE clause.{_HELP}")
        return None
    _check_lists(where, source)
    try:
        return _keys(where, source, functions, ranges)
    except _ScanError as error:
        if scans:
            return None
        raise StatementError(f"{error}.{_HELP}") from error


def _check_lists(where: ast.Expr, source: Source) -> None:
    """Raise StatementError when a key column is looked for in a list with values it cannot have."""
    if isinstance(where, ast.In) and isinstance(where.operand, ast.ColumnRef):
        column = next((one for one in source.schema.key if one.name == where.operand.name), None)
        for item in where.items if column else ():
            _check_item(item, column)
    for child in ast.children(where):
        _check_lists(child, source)


def _check_item(item: ast.Expr, column: Column | None) -> None:
    if column is None or not isinstance(item, ast.Literal):
        return
    if item.value is None:
        raise StatementError(f"Primary key columns can not be NULL: ({column.name} = null)")
    if (item.type == STRING) != (column.type == STRING) and column.type.base in ("INTEGER", "BIGINT", "STRING"):
        shown = expression_text(item)
        raise StatementError(
            f"{shown} can not be converted to the type of the key column: {column.name} {column.type} KEY"
        )


def _keys(where: ast.Expr, source: Source, functions: FunctionRegistry, ranges: bool) -> Keys | None:
    found: dict[tuple[Any, ...], None] = {}
    alternatives = _disjuncts(where)
    for conjuncts in alternatives:
        conditions = [one for part in conjuncts if (one := _condition(part, source, functions)) is not None]
        _check_complete(conjuncts, conditions, source)
        if any(one.op != "=" for one in conditions):
            _check_range(conditions, source, ranges and len(alternatives) == 1)
            return None
        values = {one.column.name: one.value for one in conditions}
        found[tuple(values[column.name] for column in source.schema.key)] = None
    return tuple(found)


def _check_complete(conjuncts: list[ast.Expr], conditions: list[_Condition], source: Source) -> None:
    """Raise _ScanError unless each key column is compared once."""
    names = [one.column.name for one in conditions]
    if len(set(names)) < len(names):
        raise _ScanError(
            "A comparison condition on the key column cannot be combined with other comparisons such as an IN predicate"
        )
    if not names:
        text = " AND ".join(map(expression_text, conjuncts))
        raise _ScanError(f"WHERE clause missing key column for disjunct: {text}")
    if len(names) < len(source.schema.key):
        raise _ScanError(
            "Multi-column sources must specify every key in the WHERE clause. Specified: " + ", ".join(names)
        )


def _check_range(conditions: list[_Condition], source: Source, allowed: bool) -> None:
    """Raise _ScanError unless the rows stand in the order of the one column compared: single text keys."""
    plain = len(source.schema.key) == 1 and source.window is None and source.schema.key[0].type == STRING
    if not (allowed and plain and len(conditions) == 1):
        raise _ScanError("Query requires table scan to be enabled")


def _disjuncts(expr: ast.Expr) -> list[list[ast.Expr]]:
    """Return a condition as alternatives of what must all hold. Raises _ScanError when there are too many."""
    if isinstance(expr, ast.Logical) and expr.op == "OR":
        found = _disjuncts(expr.left) + _disjuncts(expr.right)
    elif isinstance(expr, ast.Logical):
        found = [left + right for left in _disjuncts(expr.left) for right in _disjuncts(expr.right)]
    elif isinstance(expr, ast.In):
        found = [[ast.Compare("=", expr.operand, item)] for item in expr.items]
    else:
        found = [[expr]]
    if len(found) > _MAX_DISJUNCTS:
        raise _ScanError("Query requires table scan to be enabled")
    return found


def _condition(expr: ast.Expr, source: Source, functions: FunctionRegistry) -> _Condition | None:
    """Return what a part says of a key column, None when it is about others. Raises _ScanError for other forms."""
    if isinstance(expr, ast.Like) and not isinstance(expr.operand, ast.ColumnRef):
        raise _ScanError("Like condition must be between strings")
    if not isinstance(expr, ast.Compare):
        return None
    column, other, op = expr.left, expr.right, expr.op
    if not isinstance(column, ast.ColumnRef):
        column, other, op = expr.right, expr.left, _MIRRORED.get(expr.op, expr.op)
    if not isinstance(column, ast.ColumnRef):
        raise _ScanError("A comparison must directly reference a key column")
    key = next((one for one in source.schema.key if one.name == column.name), None)
    if column.name in WINDOW_BOUNDS or (key is None and not references(other)):
        return None
    if key is None or references(other):
        raise _ScanError("A comparison must be between a key column and a resolvable expression")
    if op != "=" and op not in _RANGES:
        raise _ScanError("Query requires table scan to be enabled")
    return _Condition(key, op, _value(other, key, functions))


def _value(expr: ast.Expr, key: Column, functions: FunctionRegistry) -> Any:
    compiled = Compiler(Scope(()), functions).compile(expr)
    if compiled.type != key.type and (compiled.type, key.type) != (INTEGER, BIGINT):
        raise _ScanError("Query requires table scan to be enabled")
    try:
        return compiled.call((), ())
    except (EvaluationError, TypeError, ArithmeticError) as error:
        raise _ScanError("A comparison must be between a key column and a resolvable expression") from error
