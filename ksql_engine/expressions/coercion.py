"""One type for a list a user wrote: the values of IN, of an array, of a map's keys or values.

Literals bend further than other expressions: text of a number counts as that number, a number as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from ksql_engine.dialect import ast
from ksql_engine.errors import EvaluationError, ExpressionTypeError
from ksql_engine.expressions.casts import boolean_of, caster
from ksql_engine.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    NULL,
    STRING,
    SqlType,
    array_type,
    common_type,
    decimal_type,
    is_number,
    is_temporal,
    map_type,
    struct_type,
    wider_number,
)

TypeOf = Callable[[ast.Expr], SqlType]
Shown = Callable[[ast.Expr], str]


class ListTypes:
    """Finds the common type of expressions; `type_of` gives the type of one, `shown` its text for messages."""

    def __init__(self, type_of: TypeOf, shown: Shown) -> None:
        """Ask `type_of` for types and `shown` for texts."""
        self._type_of = type_of
        self._shown = shown

    def common(self, expressions: Sequence[ast.Expr], start: SqlType = NULL) -> SqlType:
        """Return the common type, NULL when there are only nulls. Raises ExpressionTypeError when there is none."""
        result = start
        for expr in expressions:
            result = self._merged(expr, result)
        return result

    def _merged(self, expr: ast.Expr, target: SqlType) -> SqlType:
        """Return what holds both values of `target` and `expr`."""
        kind = self._type_of(expr)
        if NULL in (kind, target):
            return target if kind is NULL else kind
        if isinstance(expr, (ast.ArrayLiteral, ast.MapLiteral, ast.StructLiteral)):
            return self._structured(expr, kind, target)
        if isinstance(expr, ast.Literal) and kind == STRING:
            if is_number(target):
                return _number_in_text(str(expr.value), target)
            if target == BOOLEAN:
                _check_boolean(str(expr.value))
                return target
        found = common_type(target, kind)
        if found is None and isinstance(expr, ast.Literal):
            found = _bent(target, kind)
        if found is None:
            raise self._misfit(expr, kind, target)
        return found

    def _structured(self, expr: ast.Expr, kind: SqlType, target: SqlType) -> SqlType:
        if kind.base != target.base:
            raise self._misfit(expr, kind, target)
        try:
            if isinstance(expr, ast.ArrayLiteral):
                return array_type(self.common(expr.items, target.item or NULL))
            if isinstance(expr, ast.MapLiteral):
                keys, values = [key for key, _ in expr.entries], [value for _, value in expr.entries]
                return map_type(self.common(keys, target.key or NULL), self.common(values, target.item or NULL))
        except _MisfitError as error:
            raise self._misfit(expr, kind, target) from error
        return self._struct(expr, kind, target)

    def _struct(self, expr: ast.Expr, kind: SqlType, target: SqlType) -> SqlType:
        """Return the struct with the fields of both, those of the expression first."""
        given = dict(expr.fields) if isinstance(expr, ast.StructLiteral) else {}
        fields: dict[str, SqlType] = {}
        try:
            for name, own in kind.fields:
                other = target.field(name)
                fields[name] = self._merged(given[name], other[1]) if other else own
        except _MisfitError as error:
            raise self._misfit(expr, kind, target) from error
        return struct_type(*_ordered(fields, target))

    def _misfit(self, expr: ast.Expr, kind: SqlType, target: SqlType) -> _MisfitError:
        return _MisfitError(
            f"operator does not exist: {target} = {kind} ({self._shown(expr)})\n"
            f"Hint: You might need to add explicit type casts."
        )


class _MisfitError(ExpressionTypeError):
    """Two types that have no common one."""


def _ordered(fields: dict[str, SqlType], target: SqlType) -> list[tuple[str, SqlType]]:
    return [*fields.items(), *((name, kind) for name, kind in target.fields if name not in fields)]


def _bent(target: SqlType, kind: SqlType) -> SqlType | None:
    """Return what a literal of `kind` becomes beside `target`: anything simple can be text, and text a time."""
    simple = (BOOLEAN, STRING)
    if target == STRING and (kind in simple or is_number(kind)):
        return STRING
    return target if kind == STRING and is_temporal(target) else None


def _number_in_text(text: str, target: SqlType) -> SqlType:
    """Return what holds numbers of `target` and the one that `text` writes. Raises ExpressionTypeError."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _invalid(text, target)
    if target == DOUBLE:
        return target
    return wider_number(_type_of_number(number, text), target)


def _type_of_number(number: Decimal, text: str) -> SqlType:
    if not any(mark in text for mark in ".eE"):
        for kind, bits in ((INTEGER, 31), (BIGINT, 63)):
            if -(2**bits) <= number < 2**bits:
                return kind
    _, digits, exponent = number.as_tuple()
    scale = max(-int(exponent), 0)
    return decimal_type(max(len(digits) + max(int(exponent), 0), scale, 1), scale)


def _check_boolean(text: str) -> None:
    lower = text.strip().lower()
    words = ("true", "yes", "false", "no")
    if not lower or not any(word.startswith(lower) for word in words):
        raise _invalid(text, BOOLEAN)


def _invalid(text: str, target: SqlType) -> ExpressionTypeError:
    return ExpressionTypeError(f'invalid input syntax for type {target.base}: "{text}".')


def literal_as(literal: ast.Literal, target: SqlType) -> ast.Literal:
    """Return the literal of `target` that means the same. Raises ExpressionTypeError when there is none."""
    if literal.type in (target, NULL):
        return literal
    try:
        if target == BOOLEAN:
            return ast.Literal(boolean_of(str(literal.value)), BOOLEAN)
        return ast.Literal(caster(literal.type, target)(literal.value), target)
    except EvaluationError as error:
        raise _invalid(str(literal.value), target) from error
