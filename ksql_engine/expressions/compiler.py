"""Expressions to Python functions: one pass finds each part's type and writes its code.

Generated code reads the key tuple `k` and the value tuple `v`. Comparisons are two-valued: false where a side is null.
Everything else that meets a null operand raises, which makes the whole expression null (ksqlDB reference, "Null").
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import EvaluationError, ExpressionTypeError, StatementError
from ksql_engine.expressions import predicates
from ksql_engine.expressions.arithmetic_code import arithmetic_code, negated
from ksql_engine.expressions.calls import call_code
from ksql_engine.expressions.casts import caster
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.coercion import ListTypes, literal_as
from ksql_engine.expressions.scope import Scope
from ksql_engine.expressions.writer import CodeWriter, ignored
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.types import (
    BOOLEAN,
    INTERVALUNIT,
    NULL,
    STRING,
    SqlType,
    array_type,
    is_number,
    map_type,
    struct_type,
)

_ISSUE = "(see https://github.com/confluentinc/ksql/issues/4239)"


@dataclass(frozen=True)
class Compiled:
    """An expression made ready: `call(k, v, report)` returns its value or raises; `report` may be left out."""

    call: Callable[..., Any]
    type: SqlType
    text: str


class Compiler(CodeWriter):
    """Writes code for expressions over one scope."""

    def __init__(self, scope: Scope, functions: FunctionRegistry) -> None:
        """Compile names as `scope` says and calls as `functions` say."""
        super().__init__()
        self.scope = scope
        self.functions = functions
        self.list_types = ListTypes(self.type_of, self.shown)
        self._writers: dict[type, Callable[[Any], Code]] = {
            ast.Literal: self._literal,
            ast.ColumnRef: self._column,
            ast.Dereference: self._dereference,
            ast.Subscript: self._subscript,
            ast.Arithmetic: self._arithmetic,
            ast.Negate: self._negate,
            ast.Compare: lambda expr: predicates.compare_code(self, expr),
            ast.Logical: self._logical,
            ast.Not: self._not,
            ast.Between: lambda expr: predicates.between_code(self, expr),
            ast.In: lambda expr: predicates.in_code(self, expr),
            ast.Like: lambda expr: predicates.like_code(self, expr),
            ast.IsNull: self._is_null,
            ast.Case: self._case,
            ast.Cast: self._cast,
            ast.ArrayLiteral: self._array,
            ast.MapLiteral: self._map,
            ast.StructLiteral: self._struct,
            ast.IntervalUnit: self._unit,
            ast.Call: lambda expr: call_code(self, expr),
        }

    def compile(self, expr: ast.Expr) -> Compiled:
        """Return `expr` as a function. Raises StatementError when it has no meaning here."""
        code = self.code(expr)
        namespace = self.namespace()
        namespace["ignored"] = ignored
        text = f"def expression(k, v, report=ignored):\n    return {code.text}\n"
        exec(text, namespace)  # noqa: S102 - code written here, never by a user
        return Compiled(namespace["expression"], code.type, expression_text(expr))

    def code(self, expr: ast.Expr) -> Code:
        """Return the code of `expr` with its type. Raises StatementError."""
        write = self._writers.get(type(expr))
        if write is None:
            raise StatementError(f"{self.shown(expr)} is not allowed here")
        return write(expr)

    def type_of(self, expr: ast.Expr) -> SqlType:
        """Return the type of `expr` without leaving code behind. Raises StatementError."""
        mark = self.mark()
        kind = self.code(expr).type
        self.back_to(mark)
        return kind

    def shown(self, expr: ast.Expr) -> str:
        """Return the text of `expr` for messages, with names as the query's schema has them."""
        return expression_text(self.scope.displayed(expr))

    def as_type(self, expr: ast.Expr, target: SqlType) -> Code:
        """Return the code of a list's item as the list's type."""
        if isinstance(expr, ast.Literal):
            return self.code(literal_as(expr, target))
        return self.widened(self.code(expr), target)

    def boolean(self, expr: ast.Expr, place: str) -> Code:
        """Return code that is True or False; a null raises. Raises ExpressionTypeError for another type."""
        code = self.code(expr)
        if code.type not in (BOOLEAN, NULL):
            raise ExpressionTypeError(f"{place} must be BOOLEAN, but {self.shown(expr)} is {code.type}")
        return self._demanded(code)

    def _demanded(self, code: Code) -> Code:
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
            raise ExpressionTypeError(f"Expected STRUCT type, got: {base.type}")
        found = base.type.field(expr.name)
        if found is None:
            raise ExpressionTypeError(f"Could not find field '{expr.name}' in '{self.shown(expr.base)}'.")
        if base.text == "None":
            return Code("None", found[1], simple=True)
        first, again = self.held(base)
        return Code(f"(None if {first} is None else {again}[{found[0]}])", found[1], safe=base.quiet)

    def _subscript(self, expr: ast.Subscript) -> Code:
        base, index = self.code(expr.base), self.code(expr.index)
        if base.type.base == "ARRAY" and base.type.item:
            if index.type.base not in ("INTEGER", "BIGINT"):
                raise ExpressionTypeError(
                    f"An array's index must be INTEGER, but {self.shown(expr.index)} is {index.type}"
                )
            return Code(f"{self.constant(predicates.item_at)}({base.text}, {index.text})", base.type.item)
        if base.type.base == "MAP" and base.type.item:
            return Code(f"{base.text}.get({index.text})", base.type.item)
        hint = f" Use the dereference operator for STRUCTS: {self.shown(expr.base)}->{self.shown(expr.index)}"
        raise ExpressionTypeError(
            f"Subscript expression ({self.shown(expr)}) do not apply to {base.type}."
            f"{hint if base.type.base == 'STRUCT' else ''}"
        )

    def _arithmetic(self, expr: ast.Arithmetic) -> Code:
        left, right = self.code(expr.left), self.code(expr.right)
        if expr.op == "+" and left.type == right.type == STRING:
            return Code(f"({left.text} + {right.text})", STRING, maybe_null=False)
        try:
            if NULL in (left.type, right.type):
                raise ExpressionTypeError(f"Arithmetic on types {left.type} and {right.type} are not supported.")
            return arithmetic_code(self, expr.op, left, right)
        except ExpressionTypeError as error:
            raise ExpressionTypeError(f"Error processing expression: {self.shown(expr)}. {error}") from error

    def _negate(self, expr: ast.Negate) -> Code:
        operand = self.code(expr.operand)
        if not is_number(operand.type):
            raise ExpressionTypeError(f"Negation on type {operand.type} is not supported")
        return negated(self, operand)

    def _logical(self, expr: ast.Logical) -> Code:
        left, right = self.boolean(expr.left, expr.op), self.boolean(expr.right, expr.op)
        safe = left.quiet and right.quiet
        return Code(f"({left.text} {expr.op.lower()} {right.text})", BOOLEAN, maybe_null=False, safe=safe)

    def _not(self, expr: ast.Not) -> Code:
        operand = self.boolean(expr.operand, "NOT")
        return Code(f"(not {operand.text})", BOOLEAN, maybe_null=False, safe=operand.quiet)

    def _is_null(self, expr: ast.IsNull) -> Code:
        operand = self.code(expr.operand)
        if operand.quiet and not operand.maybe_null:
            return Code(str(expr.negated), BOOLEAN, maybe_null=False, simple=True)
        word = "is not" if expr.negated else "is"
        return Code(f"({operand.text} {word} None)", BOOLEAN, maybe_null=False, safe=operand.quiet)

    def _case(self, expr: ast.Case) -> Code:
        whens = [
            (self._when(ast.Compare("=", expr.operand, when) if expr.operand else when), self.code(then))
            for when, then in expr.whens
        ]
        default = self.code(expr.default) if expr.default else Code("None", NULL, simple=True)
        result = self._case_type(expr, [then.type for _, then in whens], default.type)
        text, safe = default.text, default.quiet
        for when, then in reversed(whens):
            text = f"({then.text} if {when.text} else {text})"
            safe = safe and when.quiet and then.quiet
        return Code(text, result, safe=safe)

    def _when(self, expr: ast.Expr) -> Code:
        code = self.code(expr)
        if code.type not in (BOOLEAN, NULL):
            raise ExpressionTypeError(
                f"WHEN operand type should be boolean.\nType for '{self.shown(expr)}' is {code.type}"
            )
        return self._demanded(code)

    def _case_type(self, expr: ast.Case, thens: list[SqlType], default: SqlType) -> SqlType:
        result = NULL
        for (when, then), kind in zip(expr.whens, thens, strict=True):
            if NULL not in (kind, result) and kind != result:
                raise ExpressionTypeError(
                    f"Invalid Case expression. Type for all 'THEN' clauses should be the same.\n"
                    f"THEN expression 'WHEN {self.shown(when)} THEN {self.shown(then)}' has type: {kind}.\n"
                    f"Previous THEN expression(s) type: {result}."
                )
            result = kind if result is NULL else result
        if NULL not in (result, default) and result != default:
            raise ExpressionTypeError(
                f"Invalid Case expression. Type for the default clause should be the same as for 'THEN' clauses.\n"
                f"THEN type: {result}.\nDEFAULT type: {default}."
            )
        result = default if result is NULL else result
        if result is NULL:
            raise ExpressionTypeError("Invalid Case expression. All case branches have NULL type")
        return result

    def _cast(self, expr: ast.Cast) -> Code:
        operand = self.code(expr.operand)
        if NULL in (operand.type, expr.type) or operand.type == expr.type:
            return Code(operand.text, expr.type, operand.maybe_null, operand.simple, operand.safe)
        if isinstance(expr.operand, ast.Literal):
            with suppress(EvaluationError):  # a cast that fails is to fail where the expression is used
                return self._literal(ast.Literal(caster(operand.type, expr.type)(expr.operand.value), expr.type))
        return self.cast(operand, expr.type)

    def _array(self, expr: ast.ArrayLiteral) -> Code:
        if not expr.items:
            raise ExpressionTypeError(
                f"Array constructor cannot be empty. Please supply at least one element {_ISSUE}."
            )
        common = self.list_types.common(expr.items)
        if common is NULL:
            raise self._only_nulls("an array", "elements", "value")
        items = [self.guarded(self.as_type(item, common), "array item") for item in expr.items]
        safe = all(item.quiet for item in items)
        return Code(f"[{', '.join(item.text for item in items)}]", array_type(common), maybe_null=False, safe=safe)

    def _only_nulls(self, what: str, parts: str, part: str) -> ExpressionTypeError:
        return ExpressionTypeError(
            f"Cannot construct {what} with all NULL {parts} {_ISSUE}. As a workaround, you may cast a NULL {part} "
            f"to the desired type."
        )

    def _map(self, expr: ast.MapLiteral) -> Code:
        if not expr.entries:
            raise ExpressionTypeError(
                f"Map constructor cannot be empty. Please supply at least one key value pair {_ISSUE}."
            )
        keys, values = [key for key, _ in expr.entries], [value for _, value in expr.entries]
        key, value = self.list_types.common(keys), self.list_types.common(values)
        if key is NULL:
            raise self._only_nulls("a map", "keys", "key")
        if value is NULL:
            raise self._only_nulls("a map", "values", "value")
        key_codes = [self.guarded(self.as_type(one, key), "map key") for one in keys]
        value_codes = [self.guarded(self.as_type(one, value), "map value") for one in values]
        entries = ", ".join(f"{a.text}: {b.text}" for a, b in zip(key_codes, value_codes, strict=True))
        hashable = key.base not in ("ARRAY", "MAP", "STRUCT")
        return Code("{" + entries + "}", map_type(key, value), maybe_null=False, safe=hashable)

    def _struct(self, expr: ast.StructLiteral) -> Code:
        names = [name for name, _ in expr.fields]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ExpressionTypeError(f"Duplicate field names found in STRUCT: {', '.join(twice)}")
        fields = [(name, self.guarded(self.code(value), "struct field")) for name, value in expr.fields]
        text = "(" + "".join(f"{code.text}, " for _, code in fields) + ")"
        kind = struct_type(*((name, code.type) for name, code in fields))
        return Code(text, kind, maybe_null=False, safe=True)

    def _unit(self, expr: ast.IntervalUnit) -> Code:
        return Code(repr(expr.name), INTERVALUNIT, False, True)
