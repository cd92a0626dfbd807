"""SELECT from tokens, clause by clause in ksqlDB's order; clauses of other dialects are refused by name."""

from __future__ import annotations

from ksql_engine.dialect.ast import Expr
from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.expressions import parse_expression, parse_value
from ksql_engine.dialect.statements import JoinClause, Query, SelectItem, SourceRef, Window
from ksql_engine.dialect.tokens import INTEGER, QUOTED, WORD
from ksql_engine.errors import PrepareError, StatementError

_DAY = 86_400_000


def parse_query(cursor: Cursor) -> Query:
    """Read a query that starts with SELECT. Raises ParseError."""
    cursor.expect_word("SELECT")
    items = [_item(cursor)]
    while cursor.take_symbol(","):
        items.append(_item(cursor))
    cursor.expect_word("FROM")
    source = _source(cursor)
    joins = []
    while _join_ahead(cursor):
        joins.append(_join(cursor))
    return _clauses(cursor, tuple(items), source, tuple(joins))


def _clauses(cursor: Cursor, items: tuple[SelectItem, ...], source: SourceRef, joins: tuple[JoinClause, ...]) -> Query:
    window = _window(cursor) if cursor.take_word("WINDOW") else None
    where = parse_expression(cursor) if cursor.take_word("WHERE") else None
    group_by = _group(cursor, "GROUP BY") if cursor.take_word("GROUP", "BY") else ()
    partition_by = _group(cursor, "PARTITION BY") if cursor.take_word("PARTITION", "BY") else ()
    having = parse_expression(cursor) if cursor.take_word("HAVING") else None
    emit = cursor.one_of("CHANGES", "FINAL") if cursor.take_word("EMIT") else None
    limit = _limit(cursor) if cursor.take_word("LIMIT") else None
    return Query(items, source, joins, window, where, group_by, partition_by, having, emit, limit)


def _limit(cursor: Cursor) -> int:
    negative = cursor.take_symbol("-")
    if cursor.token.kind in (WORD, QUOTED):
        raise cursor.refuse("")
    if cursor.token.kind != INTEGER:
        raise PrepareError("Value must be integer for command: LIMIT")
    count = cursor.integer()
    return -count if negative else count


def _item(cursor: Cursor) -> SelectItem:
    place = cursor.place
    if cursor.take_symbol("*"):
        return SelectItem(None, place=place)
    if cursor.is_identifier() and cursor.ahead(1).text == "." and cursor.ahead(2).text == "*":
        source = cursor.identifier()
        cursor.advance()
        cursor.advance()
        return SelectItem(None, source=source, place=place)
    expression = parse_expression(cursor)
    if cursor.is_symbol("->") and cursor.ahead(1).text == "*":
        cursor.advance()
        cursor.advance()
        return SelectItem(expression, unpack=True, place=place)
    if cursor.take_word("AS"):
        return SelectItem(expression, cursor.identifier("an alias"), place=place)
    alias = cursor.identifier() if _alias_ahead(cursor) else None
    return SelectItem(expression, alias, place=place)


def _alias_ahead(cursor: Cursor) -> bool:
    clause = any(cursor.is_word(*words) for words in (("PARTITION", "BY"), ("EMIT", "CHANGES"), ("EMIT", "FINAL")))
    return cursor.is_identifier() and not clause


def _source(cursor: Cursor) -> SourceRef:
    if cursor.is_symbol("("):
        raise cursor.error("a stream or table (subqueries are not supported)")
    name = cursor.identifier("a stream or table")
    if cursor.take_word("AS"):
        return SourceRef(name, cursor.identifier("an alias"))
    return SourceRef(name, cursor.identifier() if _alias_ahead(cursor) else name)


def _join_ahead(cursor: Cursor) -> bool:
    return any(cursor.is_word(word) for word in ("JOIN", "INNER", "LEFT", "RIGHT", "FULL"))


def _join(cursor: Cursor) -> JoinClause:
    kind = "INNER"
    if not cursor.take_word("INNER"):
        for word in ("LEFT", "RIGHT", "FULL"):
            if cursor.take_word(word):
                kind = word
                cursor.take_word("OUTER")
    cursor.expect_word("JOIN")
    right = _source(cursor)
    within = _within(cursor) if cursor.take_word("WITHIN") else None
    grace = cursor.duration() if within and cursor.take_word("GRACE", "PERIOD") else None
    cursor.expect_word("ON")
    return JoinClause(kind, right, parse_expression(cursor), within, grace)


def _within(cursor: Cursor) -> tuple[int, int]:
    if not cursor.take_symbol("("):
        size = cursor.duration()
        return size, size
    before = cursor.duration()
    cursor.expect_symbol(",")
    after = cursor.duration()
    cursor.expect_symbol(")")
    return before, after


def _group(cursor: Cursor, clause: str) -> tuple[Expr, ...]:
    found = _expressions(cursor)
    if not found:
        raise StatementError(f"{clause} requires at least one expression")
    return found


def _expressions(cursor: Cursor) -> tuple[Expr, ...]:
    """Read expressions with or without brackets around them all."""
    mark = cursor.mark()
    if cursor.take_symbol("("):
        found = _list(cursor)
        if cursor.take_symbol(")") and not _continues(cursor):
            return found
        cursor.back_to(mark)
    return _list(cursor)


def _continues(cursor: Cursor) -> bool:
    return cursor.token.kind == "symbol" and cursor.token.text not in (";",)


def _list(cursor: Cursor) -> tuple[Expr, ...]:
    if cursor.is_symbol(")"):
        return ()
    found = [parse_value(cursor)]
    while cursor.take_symbol(","):
        found.append(parse_value(cursor))
    return tuple(found)


def _window(cursor: Cursor) -> Window:
    if not cursor.is_word("TUMBLING") and not cursor.is_word("HOPPING") and not cursor.is_word("SESSION"):
        cursor.identifier("TUMBLING, HOPPING, SESSION or the window's name")
    kind = cursor.one_of("TUMBLING", "HOPPING", "SESSION")
    cursor.expect_symbol("(")
    if kind == "SESSION":
        size = advance = cursor.duration()
    else:
        cursor.expect_word("SIZE")
        size = advance = cursor.duration()
    if kind == "HOPPING":
        cursor.expect_symbol(",")
        cursor.expect_word("ADVANCE", "BY")
        advance = cursor.duration()
    retention = grace = None
    if cursor.is_symbol(",") and cursor.ahead(1).text == "RETENTION":
        cursor.advance()
        cursor.advance()
        retention = cursor.duration()
    if cursor.take_symbol(","):
        cursor.expect_word("GRACE", "PERIOD")
        grace = cursor.duration()
    cursor.expect_symbol(")")
    return Window(kind, size, advance, retention, grace)
