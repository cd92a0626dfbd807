"""Statements from text. What the dialect does not know is an error with its place, never skipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.expressions import parse_expression
from ksql_engine.dialect.queries import parse_query
from ksql_engine.dialect.statements import (
    ColumnDefinition,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DefineVariable,
    DescribeFunction,
    DescribeSource,
    DropSource,
    DropType,
    Explain,
    InsertInto,
    InsertValues,
    PrintTopic,
    Properties,
    QueryControl,
    SelectStatement,
    SetProperty,
    Show,
    Statement,
)
from ksql_engine.dialect.tokens import QUOTED, STRING, WORD, tokenize
from ksql_engine.errors import StatementError
from ksql_engine.types import SqlType

_SHOWN = ("STREAMS", "TABLES", "QUERIES", "FUNCTIONS", "PROPERTIES", "TYPES", "VARIABLES")


def parse_statement(text: str, types: Mapping[str, SqlType] | None = None) -> Statement:
    """Return the one statement of `text`, with or without its semicolon.

    Raises ParseError with line and column.
    """
    cursor = Cursor(text, types)
    statement = _statement(cursor)
    cursor.take_symbol(";")
    if not cursor.at_end:
        raise cursor.error("';' or the end of the statement")
    return replace(statement, text=text.strip())


def split_statements(text: str) -> list[str]:
    """Return the statements of `text`, each with its semicolon and without comments around it.

    Raises ParseError where `text` is not made of tokens, or the last statement has no semicolon.
    """
    found: list[str] = []
    start: int | None = None
    tokens = tokenize(text)
    for token in tokens[:-1]:
        start = token.start if start is None else start
        if token.kind == "symbol" and token.text == ";":
            found.append(text[start : token.end])
            start = None
    if start is not None:
        raise Cursor(text[start:]).error("a statement") if not found and not text.strip() else _unfinished(text)
    return found


def _unfinished(text: str) -> Exception:
    cursor = Cursor(text)
    while not cursor.at_end:
        cursor.advance()
    return cursor.error("';'")


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with each `${name}` replaced. Raises StatementError for an unknown name."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in variables:
            raise StatementError(f"Failed to substitute variables: variable '{name}' is not defined")
        return variables[name]

    return re.sub(r"\$\{(\w+)\}", value, text) if "${" in text else text


def _statement(cursor: Cursor) -> Statement:
    starts: dict[str, Callable[[Cursor], Statement]] = {
        "CREATE": _create,
        "INSERT": _insert,
        "SELECT": _select,
        "DROP": _drop,
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
        raise cursor.error("a statement")
    return start(cursor)


def _select(cursor: Cursor) -> Statement:
    return SelectStatement(query=parse_query(cursor))


def _create(cursor: Cursor) -> Statement:
    cursor.expect_word("CREATE")
    if cursor.take_word("TYPE"):
        missing = cursor.take_word("IF", "NOT", "EXISTS")
        name = cursor.identifier()
        cursor.expect_word("AS")
        return CreateType(name=name, type=cursor.type(), if_not_exists=missing)
    or_replace = cursor.take_word("OR", "REPLACE")
    read_only = cursor.take_word("SOURCE")
    kind = cursor.one_of("STREAM", "TABLE")
    if_not_exists = cursor.take_word("IF", "NOT", "EXISTS")
    name = cursor.identifier(f"the {kind.lower()}'s name")
    columns = _columns(cursor) if cursor.is_symbol("(") else ()
    properties = _properties(cursor) if cursor.is_word("WITH") else {}
    if cursor.take_word("AS"):
        if columns or read_only:
            raise cursor.error("no columns and no SOURCE before AS SELECT")
        return CreateAsSelect(
            kind=kind,
            name=name,
            properties=properties,
            query=parse_query(cursor),
            or_replace=or_replace,
            if_not_exists=if_not_exists,
        )
    return CreateSource(
        kind=kind,
        name=name,
        columns=columns,
        properties=properties,
        or_replace=or_replace,
        if_not_exists=if_not_exists,
        read_only=read_only,
    )


def _columns(cursor: Cursor) -> tuple[ColumnDefinition, ...]:
    cursor.expect_symbol("(")
    columns: list[ColumnDefinition] = []
    while not cursor.is_symbol(")"):
        name = cursor.advance_name()
        columns.append(ColumnDefinition(name, cursor.type(), _role(cursor)))
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol(")")
    return tuple(columns)


def _role(cursor: Cursor) -> str:
    if cursor.take_word("PRIMARY", "KEY"):
        return "PRIMARY KEY"
    if cursor.take_word("KEY"):
        return "KEY"
    if cursor.is_word("HEADERS") or cursor.is_word("HEADER"):
        raise cursor.error("KEY, PRIMARY KEY or the next column (header columns are not supported)")
    return ""


def _properties(cursor: Cursor) -> Properties:
    cursor.expect_word("WITH")
    cursor.expect_symbol("(")
    found: Properties = {}
    while not cursor.is_symbol(")"):
        place = cursor.mark()
        name = cursor.advance().text.upper()
        if name in found:
            cursor.back_to(place)
            raise cursor.error(f"each property once, not '{name}' again")
        cursor.expect_symbol("=")
        found[name] = cursor.property_value()
        if not cursor.take_symbol(","):
            break
    cursor.expect_symbol(")")
    return found


def _insert(cursor: Cursor) -> Statement:
    cursor.expect_word("INSERT", "INTO")
    target = cursor.identifier("the target's name")
    if cursor.is_word("WITH") or cursor.is_word("SELECT"):
        properties = _properties(cursor) if cursor.is_word("WITH") else {}
        return InsertInto(target=target, properties=properties, query=parse_query(cursor))
    columns: list[str] = []
    if cursor.take_symbol("("):
        columns.append(cursor.identifier("a column"))
        while cursor.take_symbol(","):
            columns.append(cursor.identifier("a column"))
        cursor.expect_symbol(")")
    cursor.expect_word("VALUES")
    cursor.expect_symbol("(")
    values = [parse_expression(cursor)]
    while cursor.take_symbol(","):
        values.append(parse_expression(cursor))
    cursor.expect_symbol(")")
    return InsertValues(target=target, columns=tuple(columns), values=tuple(values))


def _drop(cursor: Cursor) -> Statement:
    cursor.expect_word("DROP")
    kind = cursor.one_of("STREAM", "TABLE", "TYPE")
    if_exists = cursor.take_word("IF", "EXISTS")
    name = cursor.identifier()
    if kind == "TYPE":
        return DropType(name=name, if_exists=if_exists)
    delete_topic = cursor.take_word("DELETE", "TOPIC")
    return DropSource(kind=kind, name=name, if_exists=if_exists, delete_topic=delete_topic)


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
    legacy = cursor.is_word("EXTENDED") and cursor.ahead(1).kind in (WORD, QUOTED)
    if legacy:
        cursor.advance()
    name = cursor.identifier("a stream or table")
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
