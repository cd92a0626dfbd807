"""CREATE, ALTER, DROP and INSERT from tokens."""

from __future__ import annotations

from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.expressions import parse_expression
from ksql_engine.dialect.queries import parse_query
from ksql_engine.dialect.statements import (
    AlterSource,
    ColumnDefinition,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DropSource,
    DropType,
    InsertInto,
    InsertValues,
    Properties,
    Statement,
)
from ksql_engine.dialect.tokens import QUOTED, STRING, WORD
from ksql_engine.dialect.type_names import parse_type
from ksql_engine.errors import PrepareError, StatementError


def no_connectors() -> StatementError:
    """Return the answer to every statement about connectors."""
    return StatementError("Connectors are not supported: this engine has no Kafka Connect.")


def parse_create(cursor: Cursor) -> Statement:
    """Read CREATE TYPE, STREAM or TABLE. Raises ParseError."""
    cursor.expect_word("CREATE")
    if cursor.take_word("TYPE"):
        return _create_type(cursor)
    if cursor.is_word("SOURCE", "CONNECTOR") or cursor.is_word("SINK", "CONNECTOR"):
        raise no_connectors()
    or_replace = cursor.take_word("OR", "REPLACE")
    read_only = cursor.take_word("SOURCE")
    kind = cursor.one_of("STREAM", "TABLE")
    if_not_exists = cursor.take_word("IF", "NOT", "EXISTS")
    name = cursor.identifier(f"the {kind.lower()}'s name")
    columns = _columns(cursor) if cursor.is_symbol("(") else ()
    properties = parse_properties(cursor) if cursor.is_word("WITH") else {}
    if not cursor.is_word("AS"):
        return CreateSource(
            kind=kind,
            name=name,
            columns=columns,
            properties=properties,
            or_replace=or_replace,
            if_not_exists=if_not_exists,
            read_only=read_only,
        )
    if columns or read_only:
        raise cursor.refuse("AS SELECT goes neither with columns nor with SOURCE")
    cursor.expect_word("AS")
    query = parse_query(cursor)
    return CreateAsSelect(
        kind=kind, name=name, properties=properties, query=query, or_replace=or_replace, if_not_exists=if_not_exists
    )


def _create_type(cursor: Cursor) -> Statement:
    missing = cursor.take_word("IF", "NOT", "EXISTS")
    name = cursor.identifier()
    cursor.expect_word("AS")
    return CreateType(name=name, type=parse_type(cursor), if_not_exists=missing)


def _columns(cursor: Cursor) -> tuple[ColumnDefinition, ...]:
    cursor.expect_symbol("(")
    columns = [_column(cursor)]
    while cursor.take_symbol(","):
        columns.append(_column(cursor))
    if not cursor.take_symbol(")"):
        raise cursor.error("{',', ')'}")
    return tuple(columns)


def _column(cursor: Cursor) -> ColumnDefinition:
    place = cursor.place
    name = cursor.advance_name()
    kind = parse_type(cursor)
    header = None
    role = ""
    if cursor.take_word("PRIMARY", "KEY"):
        role = "PRIMARY KEY"
    elif cursor.take_word("KEY"):
        role = "KEY"
    elif cursor.take_word("HEADERS"):
        role = "HEADERS"
    elif cursor.take_word("HEADER"):
        role, header = "HEADERS", _header_key(cursor)
    return ColumnDefinition(name, kind, role, header, place)


def _header_key(cursor: Cursor) -> str:
    cursor.expect_symbol("(")
    key = cursor.string()
    cursor.expect_symbol(")")
    return key


def parse_properties(cursor: Cursor) -> Properties:
    """Read WITH (name = value, ..); names in upper case. Raises ParseError."""
    cursor.expect_word("WITH")
    cursor.expect_symbol("(")
    found: Properties = {}
    while True:
        if cursor.token.kind not in (WORD, QUOTED, STRING):
            raise cursor.error("a property's name")
        name = cursor.token.text.upper()
        if name in found:
            raise cursor.refuse(f"Duplicate property: {name}")
        cursor.advance()
        cursor.expect_symbol("=")
        found[name] = cursor.property_value()
        if not cursor.take_symbol(","):
            break
    if not cursor.take_symbol(")"):
        raise cursor.error("{',', ')'}")
    return found


def parse_insert(cursor: Cursor) -> Statement:
    """Read INSERT INTO .. SELECT or VALUES. Raises ParseError, or PrepareError when the counts differ."""
    cursor.expect_word("INSERT", "INTO")
    target = cursor.identifier("the target's name")
    if cursor.is_word("WITH") or cursor.is_word("SELECT"):
        properties = parse_properties(cursor) if cursor.is_word("WITH") else {}
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
    if columns and len(columns) != len(values):
        raise PrepareError(f"Expected number columns and values to match: {len(columns)}, {len(values)}")
    return InsertValues(target=target, columns=tuple(columns), values=tuple(values))


def parse_drop(cursor: Cursor) -> Statement:
    """Read DROP STREAM, TABLE or TYPE. Raises ParseError."""
    cursor.expect_word("DROP")
    if cursor.is_word("CONNECTOR"):
        raise no_connectors()
    kind = cursor.one_of("STREAM", "TABLE", "TYPE")
    if_exists = cursor.take_word("IF", "EXISTS")
    name = cursor.identifier()
    if kind == "TYPE":
        return DropType(name=name, if_exists=if_exists)
    delete_topic = cursor.take_word("DELETE", "TOPIC")
    return DropSource(kind=kind, name=name, if_exists=if_exists, delete_topic=delete_topic)


def parse_alter(cursor: Cursor) -> Statement:
    """Read ALTER STREAM or TABLE .. ADD COLUMN. Raises ParseError."""
    cursor.expect_word("ALTER")
    if cursor.is_word("SYSTEM"):
        raise StatementError("ALTER SYSTEM is not supported: the server's settings come from its configuration.")
    kind = cursor.one_of("STREAM", "TABLE")
    name = cursor.identifier(f"the {kind.lower()}'s name")
    columns = [_added(cursor)]
    while cursor.take_symbol(","):
        columns.append(_added(cursor))
    return AlterSource(kind=kind, name=name, columns=tuple(columns))


def _added(cursor: Cursor) -> ColumnDefinition:
    cursor.expect_word("ADD")
    cursor.take_word("COLUMN")
    place = cursor.place
    name = cursor.advance_name()
    return ColumnDefinition(name, parse_type(cursor), place=place)
