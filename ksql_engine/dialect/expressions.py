"""Expressions from tokens, by precedence: OR, AND, NOT, comparison, ||, + and -, * / %, sign, then -> and []."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from ksql_engine.dialect import ast
from ksql_engine.dialect.cursor import UNIT_MILLIS, Cursor
from ksql_engine.dialect.tokens import DECIMAL, FLOAT, INTEGER, STRING, SYMBOL, WORD
from ksql_engine.dialect.type_names import parse_type
from ksql_engine.errors import PrepareError
from ksql_engine.types import BIGINT, BOOLEAN, DOUBLE, NULL, decimal_type
from ksql_engine.types import INTEGER as INTEGER_TYPE
from ksql_engine.types import STRING as STRING_TYPE

_BIGGEST_DOUBLE: Final = Decimal("1.7976931348623157E308")
_COMPARISONS: Final = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


_UNITS: Final = ("DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECOND", "MILLISECONDS")
"""Words that are always units of time; DAY, HOUR, MINUTE and SECOND are also names of columns."""


def parse_expression(cursor: Cursor) -> ast.Expr:
    """Read one expression. Raises ParseError."""
    left = _conjunction(cursor)
    while cursor.take_word("OR"):
        left = ast.Logical("OR", left, _conjunction(cursor))
    return left


def parse_value(cursor: Cursor) -> ast.Expr:
    """Read one expression that is no condition: comparisons and logic only inside brackets. Raises ParseError."""
    return _concatenation(cursor)


def _conjunction(cursor: Cursor) -> ast.Expr:
    left = _negation(cursor)
    while cursor.take_word("AND"):
        left = ast.Logical("AND", left, _negation(cursor))
    return left


def _negation(cursor: Cursor) -> ast.Expr:
    if cursor.take_word("NOT"):
        return ast.Not(_negation(cursor))
    return _predicate(cursor)


def _predicate(cursor: Cursor) -> ast.Expr:
    """Read a value with at most one comparison, IS, BETWEEN, IN or LIKE."""
    left = _concatenation(cursor)
    symbol = cursor.token.text if cursor.token.kind == SYMBOL else ""
    if symbol in _COMPARISONS:
        cursor.advance()
        return ast.Compare(_COMPARISONS[symbol], left, _concatenation(cursor))
    if cursor.take_word("IS"):
        return _is_predicate(cursor, left)
    if cursor.is_word("BETWEEN") or cursor.is_word("IN") or cursor.is_word("LIKE"):
        return _range_predicate(cursor, left)
    if cursor.is_word("NOT") and cursor.ahead(1).text in ("BETWEEN", "IN", "LIKE"):
        cursor.advance()
        return ast.Not(_range_predicate(cursor, left))
    return left


def _is_predicate(cursor: Cursor, left: ast.Expr) -> ast.Expr:
    negated = cursor.take_word("NOT")
    if cursor.take_word("NULL"):
        return ast.IsNull(left, negated)
    cursor.expect_word("DISTINCT", "FROM")
    return ast.Compare("NOT DISTINCT" if negated else "DISTINCT", left, _concatenation(cursor))


def _range_predicate(cursor: Cursor, left: ast.Expr) -> ast.Expr:
    if cursor.take_word("BETWEEN"):
        low = _concatenation(cursor)
        cursor.expect_word("AND")
        return ast.Between(left, low, _concatenation(cursor))
    if cursor.take_word("IN"):
        cursor.expect_symbol("(")
        items = [parse_expression(cursor)]
        while cursor.take_symbol(","):
            items.append(parse_expression(cursor))
        cursor.expect_symbol(")")
        return ast.In(left, tuple(items))
    cursor.expect_word("LIKE")
    pattern = _concatenation(cursor)
    return ast.Like(left, pattern, cursor.string() if cursor.take_word("ESCAPE") else None)


def _concatenation(cursor: Cursor) -> ast.Expr:
    left = _sum(cursor)
    while cursor.take_symbol("||"):
        left = ast.Call("CONCAT", (left, _sum(cursor)))
    return left


def _sum(cursor: Cursor) -> ast.Expr:
    left = _product(cursor)
    while cursor.is_symbol("+") or cursor.is_symbol("-"):
        left = ast.Arithmetic(cursor.advance().text, left, _product(cursor))
    return left


def _product(cursor: Cursor) -> ast.Expr:
    left = _sign(cursor)
    while cursor.is_symbol("*") or cursor.is_symbol("/") or cursor.is_symbol("%"):
        left = ast.Arithmetic(cursor.advance().text, left, _sign(cursor))
    return left


def _sign(cursor: Cursor) -> ast.Expr:
    if cursor.take_symbol("-"):
        if cursor.token.kind in (INTEGER, DECIMAL, FLOAT):
            return _postfix(cursor, _number(cursor, "-"))
        return ast.Negate(_sign(cursor))
    if cursor.take_symbol("+"):
        return _sign(cursor)
    return _postfix(cursor, _primary(cursor))


def _postfix(cursor: Cursor, base: ast.Expr) -> ast.Expr:
    while True:
        if cursor.is_symbol("->") and cursor.ahead(1).text != "*":
            cursor.advance()
            base = ast.Dereference(base, cursor.advance_name())
        elif cursor.take_symbol("["):
            base = ast.Subscript(base, parse_expression(cursor))
            cursor.expect_symbol("]")
        else:
            return base


def _primary(cursor: Cursor) -> ast.Expr:
    token = cursor.token
    if token.kind in (INTEGER, DECIMAL, FLOAT):
        return _number(cursor, "")
    if token.kind == STRING:
        return ast.Literal(cursor.advance().text, STRING_TYPE)
    if cursor.take_symbol("("):
        inner = parse_expression(cursor)
        cursor.expect_symbol(")")
        return inner
    if token.kind == WORD:
        keyword = _keyword(cursor)
        if keyword is not None:
            return keyword
    return _name(cursor)


def _number(cursor: Cursor, sign: str) -> ast.Expr:
    token = cursor.advance()
    if token.kind == INTEGER:
        value = int(sign + token.text)
        if not -(2**63) <= value < 2**63:
            raise PrepareError(f"Invalid numeric literal: {sign}{token.text}", token.line, token.column + 1)
        return ast.Literal(value, INTEGER_TYPE if -(2**31) <= value < 2**31 else BIGINT)
    if token.kind == FLOAT:
        if math.isinf(float(token.text)) or Decimal(token.text) > _BIGGEST_DOUBLE:
            raise PrepareError(f"Number overflows DOUBLE: {sign}{token.text}", token.line, token.column + 1)
        return ast.Literal(float(sign + token.text), DOUBLE)
    number = Decimal(sign + token.text)
    scale = max(-int(number.as_tuple().exponent), 0)
    return ast.Literal(number, decimal_type(max(len(number.as_tuple().digits), scale + (abs(number) >= 1)), scale))


def _keyword(cursor: Cursor) -> ast.Expr | None:
    if cursor.take_word("NULL"):
        return ast.Literal(None, NULL)
    if cursor.is_word("TRUE") or cursor.is_word("FALSE"):
        return ast.Literal(cursor.advance().text == "TRUE", BOOLEAN)
    if cursor.take_word("CASE"):
        return _case(cursor)
    forms = {("CAST", "("): _cast, ("ARRAY", "["): _array, ("MAP", "("): _map, ("STRUCT", "("): _struct}
    read = forms.get((cursor.token.text, cursor.ahead(1).text))
    return read(cursor) if read else None


def _case(cursor: Cursor) -> ast.Expr:
    operand = None if cursor.is_word("WHEN") else parse_expression(cursor)
    whens: list[tuple[ast.Expr, ast.Expr]] = []
    while cursor.take_word("WHEN"):
        condition = parse_expression(cursor)
        cursor.expect_word("THEN")
        whens.append((condition, parse_expression(cursor)))
    if not whens:
        raise cursor.error("'WHEN'")
    default = parse_expression(cursor) if cursor.take_word("ELSE") else None
    cursor.expect_word("END")
    return ast.Case(operand, tuple(whens), default)


def _cast(cursor: Cursor) -> ast.Expr:
    cursor.expect_word("CAST")
    cursor.expect_symbol("(")
    operand = parse_expression(cursor)
    cursor.expect_word("AS")
    target = parse_type(cursor)
    cursor.expect_symbol(")")
    return ast.Cast(operand, target)


def _array(cursor: Cursor) -> ast.Expr:
    cursor.advance()
    cursor.expect_symbol("[")
    items: list[ast.Expr] = []
    while not cursor.is_symbol("]"):
        items.append(parse_expression(cursor))
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol("]")
    return ast.ArrayLiteral(tuple(items))


def _map(cursor: Cursor) -> ast.Expr:
    cursor.advance()
    cursor.expect_symbol("(")
    entries: list[tuple[ast.Expr, ast.Expr]] = []
    while not cursor.is_symbol(")"):
        key = parse_expression(cursor)
        cursor.expect_symbol(":=")
        entries.append((key, parse_expression(cursor)))
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol(")")
    return ast.MapLiteral(tuple(entries))


def _struct(cursor: Cursor) -> ast.Expr:
    cursor.advance()
    cursor.expect_symbol("(")
    fields: list[tuple[str, ast.Expr]] = []
    while not cursor.is_symbol(")"):
        name = cursor.advance_name()
        cursor.expect_symbol(":=")
        fields.append((name, parse_expression(cursor)))
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol(")")
    return ast.StructLiteral(tuple(fields))


def _name(cursor: Cursor) -> ast.Expr:
    place = cursor.place
    word = cursor.token.kind == WORD
    if word and cursor.ahead(1).text == "(" and cursor.token.text not in ("SELECT", "FROM", "AND", "OR", "NOT"):
        return _call(cursor)
    name = cursor.identifier("an expression")
    if cursor.is_symbol(".") and cursor.ahead(1).text != "*":
        cursor.advance()
        return ast.ColumnRef(name, cursor.advance_name(), place)
    return ast.ColumnRef(None, name, place)


def _call(cursor: Cursor) -> ast.Expr:
    name = cursor.advance().text
    cursor.expect_symbol("(")
    if cursor.take_symbol("*"):
        cursor.expect_symbol(")")
        return ast.Call(name, (), star=True)
    args: list[ast.Expr] = []
    while not cursor.is_symbol(")"):
        args.append(_argument(cursor))
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol(")")
    return ast.Call(name, tuple(args))


def _argument(cursor: Cursor) -> ast.Expr:
    token, after = cursor.token, cursor.ahead(1).text
    if token.kind == WORD and token.text in _UNITS and after in (",", ")"):
        return ast.IntervalUnit(cursor.advance().text, UNIT_MILLIS[token.text.removesuffix("S")])
    if token.kind == WORD and after == "=>":
        parameter = cursor.identifier("a lambda parameter")
        cursor.advance()
        return ast.Lambda((parameter,), parse_expression(cursor))
    if cursor.is_symbol("("):
        parameters = _lambda_parameters(cursor)
        if parameters is not None:
            return ast.Lambda(parameters, parse_expression(cursor))
    return parse_expression(cursor)


def _lambda_parameters(cursor: Cursor) -> tuple[str, ...] | None:
    """Read `(x, y) =>`; leave the position alone and return None when it is something else."""
    mark = cursor.mark()
    cursor.advance()
    names: list[str] = []
    while cursor.is_identifier():
        names.append(cursor.advance().text)
        if not cursor.take_symbol(","):
            break
    if names and cursor.take_symbol(")") and cursor.take_symbol("=>"):
        return tuple(names)
    cursor.back_to(mark)
    return None
