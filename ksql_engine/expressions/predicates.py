"""Code of conditions: comparisons, BETWEEN, IN, LIKE. Comparisons are two-valued: false where a side is null."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ksql_engine.dialect import ast
from ksql_engine.errors import EvaluationError, ExpressionCodeError, ExpressionTypeError
from ksql_engine.expressions.casts import literal_time
from ksql_engine.expressions.code import Code
from ksql_engine.functions.patterns import like_pattern
from ksql_engine.types import BOOLEAN, DOUBLE, NULL, STRING, SqlType, is_number, is_temporal, wider_number

if TYPE_CHECKING:
    from ksql_engine.expressions.compiler import Compiler

_NAMES: Final = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "DISTINCT": "IS_DISTINCT_FROM",
    "NOT DISTINCT": "IS_NOT_DISTINCT_FROM",
}
_SYMBOLS: Final = {"DISTINCT": "IS DISTINCT FROM", "NOT DISTINCT": "IS NOT DISTINCT FROM"}
_UNORDERED: Final = ("BOOLEAN", "ARRAY", "MAP", "STRUCT")
_TIME_COLUMNS: Final = ("ROWTIME", "WINDOWSTART", "WINDOWEND")


def demand_boolean(value: Any) -> bool:
    """Return a truth value. Raises EvaluationError for null."""
    if value is None:
        raise EvaluationError("a condition is null")
    return bool(value)


def item_at(items: list[Any], index: int) -> Any:
    """Return an array's item, from 1 or negative from the end; null outside. Raises TypeError for nulls."""
    position = index - 1 if index > 0 else len(items) + index
    return items[position] if index != 0 and 0 <= position < len(items) else None


def like(text: str | None, pattern: str | None, escape: str | None) -> bool:
    """Tell whether the whole text fits a LIKE pattern; false for null."""
    return text is not None and pattern is not None and like_pattern(pattern, escape).fullmatch(text) is not None


def _exact(value: Any) -> Any:
    """Return a double as the decimal it is written as, to compare it with decimals."""
    return None if value is None else Decimal(repr(value))


def compare_code(compiler: Compiler, expr: ast.Compare) -> Code:
    """Return the code of a comparison. Raises ExpressionTypeError when the sides cannot be compared."""
    left, right = _sides(compiler, expr)
    safe = left.quiet and right.quiet
    if expr.op in _SYMBOLS:
        op = "!=" if expr.op == "DISTINCT" else "=="
        return Code(f"({left.text} {op} {right.text})", BOOLEAN, maybe_null=False, safe=safe)
    op = {"=": "==", "<>": "!="}.get(expr.op, expr.op)
    a, a_again = compiler.held(left) if left.maybe_null else (left.text, left.text)
    b, b_again = compiler.held(right) if right.maybe_null else (right.text, right.text)
    guards = [f"{first} is not None" for code, first in ((left, a), (right, b)) if code.maybe_null]
    test = f"{a_again} {op} {b_again}"
    return Code("(" + " and ".join([*guards, test]) + ")", BOOLEAN, maybe_null=False, safe=safe)


def _sides(compiler: Compiler, expr: ast.Compare) -> tuple[Code, Code]:
    """Return both sides as values that Python compares as SQL does."""
    left, right = compiler.code(expr.left), compiler.code(expr.right)
    if NULL in (left.type, right.type):
        shown = f"{_base(left.type)} {_SYMBOLS.get(expr.op, expr.op)} {_base(right.type)}"
        raise ExpressionTypeError(
            f"Comparison with NULL not supported: {shown}\nUse 'IS NULL' or 'IS NOT NULL' instead."
        )
    left, right = _magic_times(expr, left, right)
    if not _comparable(left.type, right.type, ordered=expr.op in ("<", "<=", ">", ">=")):
        raise ExpressionTypeError(
            f"Cannot compare {compiler.shown(expr.left)} ({left.type}) to {compiler.shown(expr.right)} "
            f"({right.type}) with {_NAMES[expr.op]}."
        )
    return _aligned(compiler, left, right)


def _base(kind: SqlType) -> str:
    return "NULL" if kind is NULL else kind.base


def _comparable(left: SqlType, right: SqlType, ordered: bool) -> bool:
    if is_number(left):
        return is_number(right)
    if ordered and left.base in _UNORDERED:
        return False
    if left == STRING:
        return right == STRING or is_temporal(right)
    if is_temporal(left):
        same_kind = (left.base == "TIME") == (right.base == "TIME")
        return right == STRING or (is_temporal(right) and same_kind)
    return left.base == right.base


def _aligned(compiler: Compiler, left: Code, right: Code) -> tuple[Code, Code]:
    kinds = {left.type.base, right.type.base}
    if len(kinds) == 1:
        return left, right
    if kinds == {"DECIMAL", "DOUBLE"}:
        return _decimal(compiler, left), _decimal(compiler, right)
    if is_number(left.type):
        common = wider_number(left.type, right.type)
        return (compiler.widened(left, common), compiler.widened(right, common)) if common == DOUBLE else (left, right)
    target = next(kind for kind in (SqlType("TIMESTAMP"), SqlType("DATE"), SqlType("TIME")) if kind.base in kinds)
    return compiler.widened(left, target), compiler.widened(right, target)


def _decimal(compiler: Compiler, code: Code) -> Code:
    if code.type != DOUBLE:
        return code
    return Code(f"{compiler.constant(_exact)}({code.text})", code.type, code.maybe_null)


def _magic_times(expr: ast.Compare, left: Code, right: Code) -> tuple[Code, Code]:
    """Read a text literal beside a time, or beside a pseudo column that holds one, as that time."""
    if isinstance(expr.right, ast.Literal) and right.type == STRING:
        return left, _as_time(right, expr.right, left, expr.left)
    if isinstance(expr.left, ast.Literal) and left.type == STRING:
        return _as_time(left, expr.left, right, expr.right), right
    return left, right


def _as_time(text: Code, literal: ast.Literal, other: Code, other_expr: ast.Expr) -> Code:
    kind = other.type if is_temporal(other.type) else None
    if kind is None and isinstance(other_expr, ast.ColumnRef) and other_expr.name in _TIME_COLUMNS:
        kind = SqlType("TIMESTAMP")
    if kind is None:
        return text
    return Code(f"({literal_time(literal.value, kind)})", other.type, maybe_null=False, simple=True)


def between_code(compiler: Compiler, expr: ast.Between) -> Code:
    """Return the code of BETWEEN, both ends included."""
    low = ast.Compare(">=", expr.operand, expr.low)
    return compiler.code(ast.Logical("AND", low, ast.Compare("<=", expr.operand, expr.high)))


def in_code(compiler: Compiler, expr: ast.In) -> Code:
    """Return the code of IN; nulls match nothing. Raises ExpressionCodeError when the items do not fit."""
    items = [item for item in expr.items if not (isinstance(item, ast.Literal) and item.value is None)]
    try:
        common = compiler.list_types.common([expr.operand, *items])
        operand = compiler.as_type(expr.operand, common)
        codes = [compiler.as_type(item, common) for item in items]
    except ExpressionTypeError as error:
        raise ExpressionCodeError(str(error)) from error
    if not codes:
        return Code("False", BOOLEAN, maybe_null=False, simple=True)
    inside = ", ".join(code.text for code in codes)
    plain = common == STRING or common.base in ("INTEGER", "BIGINT")
    literal = all(isinstance(item, ast.Literal) for item in items)
    held = "{" + inside + "}" if plain and literal else f"({inside},)"
    first, again = compiler.held(operand)
    safe = operand.quiet and all(code.quiet for code in codes)
    text = f"({first} is not None and {again} in {held})" if operand.maybe_null else f"({operand.text} in {held})"
    return Code(text, BOOLEAN, maybe_null=False, safe=safe)


def like_code(compiler: Compiler, expr: ast.Like) -> Code:
    """Return the code of LIKE. Raises ExpressionTypeError for other types than STRING."""
    operand, pattern = compiler.code(expr.operand), compiler.code(expr.pattern)
    for side in (operand, pattern):
        if side.type not in (STRING, NULL):
            raise ExpressionTypeError(
                f"The column type for Like condition must be VARCHAR. The column type is {side.type}"
            )
    if expr.escape is not None and len(expr.escape) != 1:
        raise ExpressionTypeError(f"Expected single character escape but got: {expr.escape}")
    safe = operand.quiet and pattern.quiet
    if isinstance(expr.pattern, ast.Literal) and expr.pattern.value is not None:
        fits = compiler.constant(like_pattern(expr.pattern.value, expr.escape).fullmatch)
        first, again = compiler.held(operand)
        guard = f"{first} is not None and " if operand.maybe_null else ""
        text = f"({guard}{fits}({again if guard else operand.text}) is not None)"
        return Code(text, BOOLEAN, maybe_null=False, safe=safe)
    text = f"{compiler.constant(like)}({operand.text}, {pattern.text}, {expr.escape!r})"
    return Code(text, BOOLEAN, maybe_null=False, safe=safe)
