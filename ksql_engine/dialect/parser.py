"""Statements from text. What the dialect does not know is an error with its place, never skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ksql_engine.dialect.assertions import parse_assert
from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.cursor import START, Cursor
from ksql_engine.dialect.ddl import no_connectors, parse_alter, parse_create, parse_drop, parse_insert
from ksql_engine.dialect.queries import parse_query
from ksql_engine.dialect.statements import (
    DefineVariable,
    DescribeFunction,
    DescribeSource,
    Explain,
    PrintTopic,
    QueryControl,
    SelectStatement,
    SetProperty,
    Show,
    Statement,
)
from ksql_engine.dialect.tokens import QUOTED, STRING, SYMBOL, WORD, Token, tokenize
from ksql_engine.errors import ParseError
from ksql_engine.types import SqlType

_SHOWN = ("STREAMS", "TABLES", "QUERIES", "FUNCTIONS", "PROPERTIES", "TYPES", "VARIABLES")


def parse_statement(text: str, types: Mapping[str, SqlType] | None = None, start: Place = START) -> Statement:
    """Return the one statement of `text`, with or without its semicolon; `start` is its place in a longer text.

    Raises ParseError with line and column, or PrepareError for what is well formed but wrong in itself.
    """
    cursor = Cursor(text, types, start)
    statement = _statement(cursor)
    cursor.take_symbol(";")
    if not cursor.at_end:
        raise cursor.refuse("")
    return replace(statement, text=text.strip())


def split_statements(text: str) -> list[str]:
    """Return the statements of `text`, each with its semicolon and without comments around it.

    Raises ParseError where `text` is not made of tokens, or the last statement has no semicolon.
    """
    return [statement for statement, _ in split_with_places(text)]


def split_with_places(text: str) -> list[tuple[str, Place]]:
    """Return what `split_statements` does, each statement with the place where it begins."""
    found: list[tuple[str, Place]] = []
    first: Token | None = None
    tokens = tokenize(text)
    for token in tokens[:-1]:
        first = first or token
        if token.kind == SYMBOL and token.text == ";":
            found.append((text[first.start : token.end], Place(first.line, first.column)))
            first = None
    if first is not None:
        end = tokens[-1]
        raise ParseError(end.line, end.column, "missing ';' at '<EOF>'", text)
    return found


def _statement(cursor: Cursor) -> Statement:
    starts: dict[str, Callable[[Cursor], Statement]] = {
        "CREATE": parse_create,
        "INSERT": parse_insert,
        "SELECT": _select,
        "DROP": parse_drop,
        "ALTER": parse_alter,
        "ASSERT": parse_assert,
        "TERMINATE": _control,
        "PAUSE": _control,
        "RESUME": _control,
        "SHOW": _show,
        "LIST": _show,
        "DESCRIBE": _describe,
        "EXPLAIN": _explain,
        "SET": _set,
        "UNSET": _set,
        "DEFINE": _define,
        "UNDEFINE": _define,
        "PRINT": _print,
    }
    start = starts.get(cursor.token.text) if cursor.token.kind == WORD else None
    if start is None:
        raise cursor.refuse(f"Unknown statement {cursor.shown}")
    return start(cursor)


def _select(cursor: Cursor) -> Statement:
    return SelectStatement(query=parse_query(cursor))


def _control(cursor: Cursor) -> Statement:
    action = cursor.one_of("TERMINATE", "PAUSE", "RESUME")
    if cursor.take_word("ALL"):
        return QueryControl(action=action, query_id=None)
    return QueryControl(action=action, query_id=_query_id(cursor))


def _query_id(cursor: Cursor) -> str:
    """Read an id; a bare one keeps its case, because ids carry the case of quoted names."""
    token = cursor.token
    cursor.identifier("a query id")
    return token.text if token.kind == QUOTED else cursor.text[token.start : token.end]


def _show(cursor: Cursor) -> Statement:
    cursor.one_of("SHOW", "LIST")
    if any(cursor.is_word(*words) for words in (("CONNECTORS",), ("CONNECTOR", "PLUGINS"), ("SOURCE",), ("SINK",))):
        raise no_connectors()
    everything = cursor.take_word("ALL")
    if cursor.take_word("TOPICS"):
        return Show(what="TOPICS", all=everything, extended=cursor.take_word("EXTENDED"))
    if everything:
        raise cursor.error("'TOPICS'")
    what = cursor.one_of(*_SHOWN)
    return Show(what=what, extended=cursor.take_word("EXTENDED"))


def _describe(cursor: Cursor) -> Statement:
    cursor.expect_word("DESCRIBE")
    if cursor.take_word("FUNCTION"):
        return DescribeFunction(name=cursor.identifier("a function"))
    if (
        cursor.is_word("CONNECTOR")
        and cursor.ahead(1).kind in (WORD, QUOTED)
        and not cursor.is_word("CONNECTOR", "EXTENDED")
    ):
        raise no_connectors()
    legacy = cursor.is_word("EXTENDED") and cursor.ahead(1).kind in (WORD, QUOTED)
    if legacy:
        cursor.advance()
    plural = cursor.is_word("STREAMS") or cursor.is_word("TABLES")
    name = cursor.advance().text if plural else cursor.identifier("a stream or table")
    return DescribeSource(name=name, extended=legacy or cursor.take_word("EXTENDED"))


def _explain(cursor: Cursor) -> Statement:
    cursor.expect_word("EXPLAIN")
    if cursor.is_identifier():
        return Explain(query_id=_query_id(cursor), statement=None)
    start = cursor.token.start
    inner = _statement(cursor)
    text = cursor.text[start : cursor.previous.end] + ";"
    return Explain(query_id=None, statement=replace(inner, text=text))


def _set(cursor: Cursor) -> Statement:
    if cursor.take_word("UNSET"):
        return SetProperty(name=cursor.string(), value=None)
    cursor.expect_word("SET")
    name = cursor.string()
    cursor.expect_symbol("=")
    return SetProperty(name=name, value=cursor.string())


def _define(cursor: Cursor) -> Statement:
    if cursor.take_word("UNDEFINE"):
        return DefineVariable(name=cursor.text[cursor.token.start : cursor.advance().end], value=None)
    cursor.expect_word("DEFINE")
    name = cursor.text[cursor.token.start : cursor.advance().end]
    cursor.expect_symbol("=")
    return DefineVariable(name=name, value=cursor.string())


def _print(cursor: Cursor) -> Statement:
    cursor.expect_word("PRINT")
    token = cursor.token
    if token.kind not in (WORD, QUOTED, STRING):
        raise cursor.error("a topic")
    topic = cursor.topic_name()
    from_beginning = cursor.take_word("FROM", "BEGINNING")
    interval = cursor.integer() if cursor.take_word("INTERVAL") or cursor.take_word("SAMPLE") else 1
    limit = cursor.integer() if cursor.take_word("LIMIT") else None
    return PrintTopic(topic=topic, from_beginning=from_beginning, interval=interval, limit=limit)
