"""Expressions to Python functions: one pass finds each part's type and writes its code.

Generated code reads the key tuple `k` and the value tuple `v`. Comparisons are two-valued: false where a side is null.
Everything else that meets a null operand raises, which makes the whole expression null (ksqlDB reference, "Null").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions import predicates
from ksql_engine.expressions.arithmetic_code import arithmetic_code
from ksql_engine.expressions.casts import caster, literal_time, nullable
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.lambdas import lambda_call
from ksql_engine.expressions.scope import Scope
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.types import (
    BOOLEAN,
    INTERVALUNIT,
    NULL,
    STRING,
    SqlType,
    array_type,
    common_type,
    is_number,
    is_temporal,
    map_type,
    struct_type,
)


@dataclass(frozen=True)
class Compiled:
    """An expression made ready: `call(k, v)` returns its value or raises."""

    call: Callable[[Any, Any], Any]
    type: SqlType
    text: str


class Compiler:
    """Writes code for expressions over one scope; constants gather in `constants` under generated names."""

    def __init__(self, scope: Scope, functions: FunctionRegistry) -> None:
        """Compile names as `scope` says and calls as `functions` say."""
        self.scope = scope
        self.functions = functions
        self.constants: dict[str, Any] = {}
        self._counter = 0
        self._lambdas: dict[str, Code] = {}
        self._writers: dict[type, Callable[[Any], Code]] = {
            ast.Literal: self._literal,
            ast.ColumnRef: self._column,
            ast.Dereference: self._dereference,
            ast.Subscript: self._subscript,
            ast.Arithmetic: self._arithmetic,
            ast.Negate: self._negate,
            ast.Compare: self._compare,
            ast.Logical: self._logical,
            ast.Not: self._not,
            ast.Between: self._between,
            ast.In: self._in,
            ast.Like: self._like,
            ast.IsNull: self._is_null,
            ast.Case: self._case,
            ast.Cast: self._cast,
            ast.ArrayLiteral: self._array,
            ast.MapLiteral: self._map,
            ast.StructLiteral: self._struct,
            ast.IntervalUnit: self._unit,
            ast.Call: self._call,
        }

    def compile(self, expr: ast.Expr) -> Compiled:
        """Return `expr` as a function. Raises StatementError when it has no meaning here."""
        code = self.code(expr)
        namespace = dict(self.constants)
        exec(f"def expression(k, v):\n    return {code.text}\n", namespace)  # noqa: S102 - written here, never by a user
        return Compiled(namespace["expression"], code.type, expression_text(expr))

    def code(self, expr: ast.Expr) -> Code:
        """Return the code of `expr` with its type. Raises StatementError."""
        write = self._writers.get(type(expr))
        if write is None:
            raise StatementError(f"{expression_text(expr)} is not allowed here")
        return write(expr)

    def constant(self, value: Any) -> str:
        """Keep a value for the generated code and return the name it has there."""
        self._counter += 1
        name = f"c{self._counter}"
        self.constants[name] = value
        return name

    def temporary(self) -> str:
        """Return a fresh variable name."""
        self._counter += 1
        return f"t{self._counter}"

    def held(self, code: Code) -> tuple[str, str]:
        """Return (first use, later uses) of a value that is needed more than once."""
        if code.simple:
            return code.text, code.text
        name = self.temporary()
        return f"({name} := {code.text})", name

    def widened(self, code: Code, target: SqlType) -> Code:
        """Return the code of the same value as `target`."""
        if code.type == target or code.type is NULL or target.base in ("ANY", "NULL"):
            return Code(code.text, target, code.maybe_null, code.simple)
        if {code.type.base, target.base} <= {"INTEGER", "BIGINT"}:
            return Code(code.text, target, code.maybe_null, code.simple)
        cast = self.constant(nullable(caster(code.type, target)))
        return Code(f"{cast}({code.text})", target, code.maybe_null)

    def boolean(self, expr: ast.Expr, place: str) -> Code:
        """Return code that is True or False; a null raises. Raises StatementError when `expr` is not BOOLEAN."""
        code = self.code(expr)
        if code.type not in (BOOLEAN, NULL):
            raise StatementError(f"{place} must be BOOLEAN, but {expression_text(expr)} is {code.type}")
        if not code.maybe_null:
            return code
        return Code(f"{self.constant(predicates.demand_boolean)}({code.text})", BOOLEAN, maybe_null=False)

    def _literal(self, expr: ast.Literal) -> Code:
        if expr.value is None:
            return Code("None", NULL, simple=True)
        if isinstance(expr.value, (bool, int, str)):
            text = repr(expr.value)
            return Code(f"({text})" if text.startswith("-") else text, expr.type, False, True)
        return Code(self.constant(expr.value), expr.type, False, True)

    def _column(self, expr: ast.ColumnRef) -> Code:
        if expr.source is None and expr.name in self._lambdas:
            return self._lambdas[expr.name]
        column = self.scope.resolve(expr)
        return Code(column.code, column.type, simple=True)

    def _dereference(self, expr: ast.Dereference) -> Code:
        base = self.code(expr.base)
        if base.type.base != "STRUCT":
            raise StatementError(f"Expected STRUCT type, but got {base.type} for {expression_text(expr.base)}")
        found = base.type.field(expr.name)
        if found is None:
            options = ", ".join(name for name, _ in base.type.fields)
            raise StatementError(
                f"Could not find field '{expr.name}' in '{expression_text(expr.base)}'. Fields: {options}"
            )
        first, again = self.held(base)
        return Code(f"(None if {first} is None else {again}[{found[0]}])", found[1])

    def _subscript(self, expr: ast.Subscript) -> Code:
        base, index = self.code(expr.base), self.code(expr.index)
        if base.type.base == "ARRAY" and base.type.item:
            return Code(f"{self.constant(predicates.item_at)}({base.text}, {index.text})", base.type.item)
        if base.type.base == "MAP" and base.type.item:
            return Code(f"{base.text}.get({index.text})", base.type.item)
        raise StatementError(f"Subscript expression ({expression_text(expr)}) do not apply to {base.type}")

    def _arithmetic(self, expr: ast.Arithmetic) -> Code:
        left, right = self.code(expr.left), self.code(expr.right)
        for side in (left, right):
            if side.type is NULL:
                shown = f"{left.type} and {right.type}"
                raise StatementError(
                    f"Error processing expression: {expression_text(expr)}. "
                    f"Arithmetic on types {shown} are not supported."
                )
        if expr.op == "+" and left.type == right.type == STRING:
            return Code(f"({left.text} + {right.text})", STRING, maybe_null=False)
        return arithmetic_code(self.constant, expr.op, left, right)

    def _negate(self, expr: ast.Negate) -> Code:
        operand = self.code(expr.operand)
        if not is_number(operand.type):
            raise StatementError(f"Negation on type {operand.type} is not supported")
        return Code(f"(-{operand.text})", operand.type, maybe_null=False)

    def _compare(self, expr: ast.Compare) -> Code:
        left, right = self._comparable(expr.left, expr.right, expr)
        a, a_again = self.held(left)
        b, b_again = self.held(right)
        if expr.op in ("DISTINCT", "NOT DISTINCT"):
            op = "!=" if expr.op == "DISTINCT" else "=="
            return Code(f"({left.text} {op} {right.text})", BOOLEAN, maybe_null=False)
        guards = [f"{first} is not None" for code, first in ((left, a), (right, b)) if code.maybe_null]
        a_use = a_again if left.maybe_null else left.text
        b_use = b_again if right.maybe_null else right.text
        op = {"=": "==", "<>": "!="}.get(expr.op, expr.op)
        return Code("(" + " and ".join([*guards, f"{a_use} {op} {b_use}"]) + ")", BOOLEAN, maybe_null=False)

    def _comparable(self, left_expr: ast.Expr, right_expr: ast.Expr, whole: ast.Compare) -> tuple[Code, Code]:
        """Return both sides as one type. Raises StatementError when they cannot be compared."""
        left, right = self.code(left_expr), self.code(right_expr)
        if NULL in (left.type, right.type):
            raise StatementError(f"Comparison with NULL not supported: {left.type} = {right.type}")
        left, right = self._time_literal(left, right_expr, right, left_expr)
        common = common_type(left.type, right.type)
        ordered = whole.op not in ("=", "<>", "DISTINCT", "NOT DISTINCT")
        if common is None or (ordered and common.base in ("BOOLEAN", "ARRAY", "MAP", "STRUCT")):
            raise StatementError(
                f"Cannot compare {expression_text(left_expr)} ({left.type}) to {expression_text(right_expr)} "
                f"({right.type}) with {predicates.OPERATOR_NAMES[whole.op]}."
            )
        if common.base == "DECIMAL":
            return left, right
        return self.widened(left, common), self.widened(right, common)

    def _time_literal(self, left: Code, right_expr: ast.Expr, right: Code, left_expr: ast.Expr) -> tuple[Code, Code]:
        """Read a text literal beside a time, or beside a pseudo column that holds one, as that time."""
        if isinstance(right_expr, ast.Literal) and right.type == STRING:
            return left, self._as_time(right, right_expr, left, left_expr)
        if isinstance(left_expr, ast.Literal) and left.type == STRING:
            return self._as_time(left, left_expr, right, right_expr), right
        return left, right

    def _as_time(self, text: Code, literal: ast.Literal, other: Code, other_expr: ast.Expr) -> Code:
        if is_temporal(other.type):
            return Code(repr(literal_time(literal.value, other.type)), other.type, False, True)
        if isinstance(other_expr, ast.ColumnRef) and other_expr.name in ("ROWTIME", "WINDOWSTART", "WINDOWEND"):
            return Code(repr(literal_time(literal.value, SqlType("TIMESTAMP"))), other.type, False, True)
        return text

    def _logical(self, expr: ast.Logical) -> Code:
        left, right = self.boolean(expr.left, expr.op), self.boolean(expr.right, expr.op)
        return Code(f"({left.text} {expr.op.lower()} {right.text})", BOOLEAN, maybe_null=False)

    def _not(self, expr: ast.Not) -> Code:
        return Code(f"(not {self.boolean(expr.operand, 'NOT').text})", BOOLEAN, maybe_null=False)

    def _between(self, expr: ast.Between) -> Code:
        low = ast.Compare(">=", expr.operand, expr.low)
        return self.code(ast.Logical("AND", low, ast.Compare("<=", expr.operand, expr.high)))

    def _in(self, expr: ast.In) -> Code:
        operand = self.code(expr.operand)
        items = [self._in_item(item, operand, expr) for item in expr.items]
        first, again = self.held(operand)
        inside = ", ".join(item.text for item in items) + ","
        held = f"({inside})"
        return Code(f"({first} is not None and {again} in {held})", BOOLEAN, maybe_null=False)

    def _in_item(self, item: ast.Expr, operand: Code, whole: ast.In) -> Code:
        code = self.code(item)
        if isinstance(item, ast.Literal) and code.type == STRING and operand.type != STRING:
            try:
                value = caster(STRING, operand.type)(item.value)
            except Exception as error:
                raise StatementError(
                    f"operator does not exist: {operand.type} = {code.type} ({expression_text(whole)})"
                ) from error
            return Code(self.constant(value), operand.type, False, True)
        if common_type(operand.type, code.type) is None:
            raise StatementError(f"operator does not exist: {operand.type} = {code.type} ({expression_text(whole)})")
        return code

    def _like(self, expr: ast.Like) -> Code:
        operand, pattern = self.code(expr.operand), self.code(expr.pattern)
        if operand.type != STRING or pattern.type != STRING:
            raise StatementError(f"LIKE needs STRING on both sides: {expression_text(expr)}")
        if expr.escape is not None and len(expr.escape) != 1:
            raise StatementError(f"Expected single character escape but got: {expr.escape}")
        call = self.constant(predicates.like)
        return Code(f"{call}({operand.text}, {pattern.text}, {expr.escape!r})", BOOLEAN, maybe_null=False)

    def _is_null(self, expr: ast.IsNull) -> Code:
        word = "is not" if expr.negated else "is"
        return Code(f"({self.code(expr.operand).text} {word} None)", BOOLEAN, maybe_null=False)

    def _case(self, expr: ast.Case) -> Code:
        whens = [
            (self.boolean(ast.Compare("=", expr.operand, when) if expr.operand else when, "WHEN"), self.code(then))
            for when, then in expr.whens
        ]
        default = self.code(expr.default) if expr.default else Code("None", NULL)
        result = NULL
        for _, then in [*whens, (None, default)]:
            merged = common_type(result, then.type)
            if merged is None:
                raise StatementError(
                    f"Invalid Case expression. Type for all 'THEN' clauses should be the same.\n"
                    f"THEN expression has type: {then.type}. Expected: {result}."
                )
            result = merged
        text = self.widened(default, result).text
        for when, then in reversed(whens):
            text = f"({self.widened(then, result).text} if {when.text} else {text})"
        return Code(text, result)

    def _cast(self, expr: ast.Cast) -> Code:
        operand = self.code(expr.operand)
        cast = self.constant(caster(operand.type, expr.type))
        if not operand.maybe_null:
            return Code(f"{cast}({operand.text})", expr.type, maybe_null=False)
        first, again = self.held(operand)
        return Code(f"(None if {first} is None else {cast}({again}))", expr.type)

    def _array(self, expr: ast.ArrayLiteral) -> Code:
        items = [self.code(item) for item in expr.items]
        common = self._common(items, "ARRAY")
        text = ", ".join(self.widened(item, common).text for item in items)
        return Code(f"[{text}]", array_type(common), maybe_null=False)

    def _common(self, codes: list[Code], what: str) -> SqlType:
        common: SqlType | None = NULL
        for code in codes:
            common = common_type(common, code.type) if common else None
        if common is None or common is NULL:
            raise StatementError(f"{what} needs values of one type that is not NULL")
        return common

    def _map(self, expr: ast.MapLiteral) -> Code:
        keys, values = [self.code(key) for key, _ in expr.entries], [self.code(value) for _, value in expr.entries]
        key, value = self._common(keys, "MAP"), self._common(values, "MAP")
        entries = ", ".join(f"{a.text}: {self.widened(b, value).text}" for a, b in zip(keys, values, strict=True))
        return Code("{" + entries + "}", map_type(key, value), maybe_null=False)

    def _struct(self, expr: ast.StructLiteral) -> Code:
        fields = [(name, self.code(value)) for name, value in expr.fields]
        text = "(" + "".join(f"{code.text}, " for _, code in fields) + ")"
        return Code(text, struct_type(*((name, code.type) for name, code in fields)), maybe_null=False)

    def _unit(self, expr: ast.IntervalUnit) -> Code:
        return Code(repr(expr.name), INTERVALUNIT, False, True)

    def _call(self, expr: ast.Call) -> Code:
        if any(isinstance(arg, ast.Lambda) for arg in expr.args):
            return lambda_call(self, expr)
        if expr.name == "CONCAT":
            return self._concat(expr)
        args = [self.code(arg) for arg in expr.args]
        found = self.functions.resolve(expr.name, [arg.type for arg in args])
        widened = [self.widened(arg, kind).text for arg, kind in zip(args, found.params, strict=True)]
        call = found.overload.call if found.overload.nulls else predicates.null_for_null(found.overload.call)
        return Code(f"{self.constant(call)}({', '.join(widened)})", found.returns)

    def _concat(self, expr: ast.Call) -> Code:
        args = [self.code(arg) for arg in expr.args]
        found = self.functions.resolve("CONCAT", [arg.type for arg in args])
        text = ", ".join(arg.text for arg in args)
        return Code(f"{self.constant(found.overload.call)}({text})", found.returns, maybe_null=False)

    def lambda_code(self, body: ast.Lambda, types: list[SqlType]) -> Code:
        """Return the Python lambda for `body` with parameters of `types`. Raises StatementError."""
        if len(body.params) != len(types):
            raise StatementError(f"Lambda {expression_text(body)} needs {len(types)} parameters")
        names = [self.temporary() for _ in types]
        outer = dict(self._lambdas)
        for param, name, kind in zip(body.params, names, types, strict=True):
            self._lambdas[param] = Code(name, kind, simple=True)
        inner = self.code(body.body)
        self._lambdas = outer
        return Code(f"(lambda {', '.join(names)}: {inner.text})", inner.type, False)
