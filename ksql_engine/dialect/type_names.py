"""Types from text; custom types stand for what they were made as."""

from __future__ import annotations

from ksql_engine.dialect.cursor import RESERVED, Cursor
from ksql_engine.dialect.tokens import INTEGER, QUOTED, WORD
from ksql_engine.errors import PrepareError
from ksql_engine.types import PRIMITIVES, SqlType, array_type, decimal_type, map_type, struct_type


def parse_type(cursor: Cursor) -> SqlType:
    """Move past a type and return it; raises ParseError, or PrepareError for a name that is no type."""
    token = cursor.token
    if token.kind == WORD and cursor.ahead(1).text in ("<", "<>") and token.text in ("ARRAY", "MAP", "STRUCT"):
        cursor.advance()
        return {"ARRAY": _array, "MAP": _map, "STRUCT": _struct}[token.text](cursor)
    if token.kind not in (WORD, QUOTED) or (token.kind == WORD and token.text in RESERVED - {"DECIMAL"}):
        raise cursor.error("a type")
    cursor.advance()
    if token.kind == WORD and token.text in ("DECIMAL", "DEC") and cursor.is_symbol("("):
        return _decimal(cursor)
    known = (PRIMITIVES.get(token.text) if token.kind == WORD else None) or cursor.types.get(token.text)
    if known is None:
        raise PrepareError(f"Cannot resolve unknown type or alias: {token.text}", token.line, token.column)
    if cursor.take_symbol("("):
        _parameter(cursor)
        cursor.expect_symbol(")")
    return known


def _parameter(cursor: Cursor) -> int | None:
    """Move past a type's parameter: a number, or the word STRING, which says nothing."""
    if cursor.take_word("STRING"):
        return None
    if cursor.token.kind != INTEGER:
        raise cursor.error("{'STRING', INTEGER_VALUE}")
    return cursor.integer()


def _decimal(cursor: Cursor) -> SqlType:
    place = cursor.place
    cursor.expect_symbol("(")
    precision = _parameter(cursor)
    cursor.expect_symbol(",")
    scale = _parameter(cursor)
    cursor.expect_symbol(")")
    if precision is None or scale is None:
        problem = "Value must be integer for command: DECIMAL"
    elif precision < 1:
        problem = f"DECIMAL precision must be >= 1: DECIMAL({precision},{scale})"
    elif scale > precision:
        problem = f"DECIMAL precision must be >= scale: DECIMAL({precision},{scale})"
    else:
        return decimal_type(precision, scale)
    raise PrepareError(problem, place.line, place.column)


def _array(cursor: Cursor) -> SqlType:
    cursor.expect_symbol("<")
    item = parse_type(cursor)
    cursor.expect_symbol(">")
    return array_type(item)


def _map(cursor: Cursor) -> SqlType:
    cursor.expect_symbol("<")
    key = parse_type(cursor)
    cursor.expect_symbol(",")
    value = parse_type(cursor)
    cursor.expect_symbol(">")
    return map_type(key, value)


def _struct(cursor: Cursor) -> SqlType:
    if cursor.take_symbol("<>"):
        return struct_type()
    cursor.expect_symbol("<")
    if cursor.take_symbol(">"):
        return struct_type()
    fields = [_field(cursor)]
    while cursor.take_symbol(","):
        fields.append(_field(cursor))
    cursor.expect_symbol(">")
    return struct_type(*fields)


def _field(cursor: Cursor) -> tuple[str, SqlType]:
    name = cursor.advance_name()
    return name, parse_type(cursor)
