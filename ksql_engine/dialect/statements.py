"""Statements of the dialect as data. `text` is the statement as it was written, up to and with its semicolon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ksql_engine.dialect.ast import NOWHERE, Expr, Place
from ksql_engine.types import SqlType

Properties = dict[str, Any]


@dataclass(frozen=True)
class ColumnDefinition:
    """A declared column; `role` is "" for a value column, else KEY, PRIMARY KEY or HEADERS.

    `header` is the key of HEADER('key'), None for all HEADERS.
    """

    name: str
    type: SqlType
    role: str = ""
    header: str | None = None
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class SelectItem:
    """`expression [AS alias]`; expression None is `*`, with `source` for `s.*`; `unpack` marks `struct->*`."""

    expression: Expr | None
    alias: str | None = None
    source: str | None = None
    unpack: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True)
class SourceRef:
    """A source in FROM or JOIN with its alias (the name itself without one)."""

    name: str
    alias: str


@dataclass(frozen=True)
class JoinClause:
    """`kind` is INNER, LEFT, RIGHT or FULL; `within` and `grace` are milliseconds."""

    kind: str
    right: SourceRef
    condition: Expr
    within: tuple[int, int] | None = None
    grace: int | None = None


@dataclass(frozen=True)
class Window:
    """A window of a GROUP BY; all times in milliseconds. `kind` is TUMBLING, HOPPING or SESSION."""

    kind: str
    size: int
    advance: int
    retention: int | None = None
    grace: int | None = None


@dataclass(frozen=True)
class Query:
    """SELECT; `emit` is "CHANGES", "FINAL" or None (a pull query when it stands alone)."""

    items: tuple[SelectItem, ...]
    source: SourceRef
    joins: tuple[JoinClause, ...] = ()
    window: Window | None = None
    where: Expr | None = None
    group_by: tuple[Expr, ...] = ()
    partition_by: tuple[Expr, ...] = ()
    having: Expr | None = None
    emit: str | None = None
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Any statement."""

    text: str = ""


@dataclass(frozen=True, kw_only=True)
class CreateSource(Statement):
    """CREATE STREAM or TABLE with declared columns."""

    kind: str
    name: str
    columns: tuple[ColumnDefinition, ...]
    properties: Properties
    or_replace: bool = False
    if_not_exists: bool = False
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class CreateAsSelect(Statement):
    """CREATE STREAM or TABLE .. AS SELECT."""

    kind: str
    name: str
    properties: Properties
    query: Query
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, kw_only=True)
class InsertInto(Statement):
    """INSERT INTO stream SELECT."""

    target: str
    properties: Properties
    query: Query


@dataclass(frozen=True, kw_only=True)
class InsertValues(Statement):
    """INSERT INTO source [(columns)] VALUES (values)."""

    target: str
    columns: tuple[str, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True, kw_only=True)
class SelectStatement(Statement):
    """A push or pull query."""

    query: Query


@dataclass(frozen=True, kw_only=True)
class PrintTopic(Statement):
    """PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]."""

    topic: str
    from_beginning: bool
    interval: int
    limit: int | None


@dataclass(frozen=True, kw_only=True)
class DropSource(Statement):
    """DROP STREAM or TABLE."""

    kind: str
    name: str
    if_exists: bool
    delete_topic: bool


@dataclass(frozen=True, kw_only=True)
class QueryControl(Statement):
    """TERMINATE, PAUSE or RESUME; query id None means ALL."""

    action: str
    query_id: str | None


@dataclass(frozen=True, kw_only=True)
class Show(Statement):
    """SHOW or LIST; `what` is STREAMS, TABLES, QUERIES, TOPICS, FUNCTIONS, PROPERTIES, TYPES or VARIABLES."""

    what: str
    extended: bool = False
    all: bool = False


@dataclass(frozen=True, kw_only=True)
class DescribeSource(Statement):
    """DESCRIBE source [EXTENDED]."""

    name: str
    extended: bool


@dataclass(frozen=True, kw_only=True)
class DescribeFunction(Statement):
    """DESCRIBE FUNCTION name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Explain(Statement):
    """EXPLAIN a statement or the id of a running query."""

    query_id: str | None
    statement: Statement | None


@dataclass(frozen=True, kw_only=True)
class SetProperty(Statement):
    """SET (value) or UNSET (None) of a property for the rest of a request."""

    name: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class DefineVariable(Statement):
    """DEFINE (value) or UNDEFINE (None) of a variable for the rest of a request."""

    name: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class AlterSource(Statement):
    """ALTER STREAM or TABLE .. ADD COLUMN ..; the columns are value columns."""

    kind: str
    name: str
    columns: tuple[ColumnDefinition, ...]


@dataclass(frozen=True, kw_only=True)
class AssertTopic(Statement):
    """ASSERT [NOT EXISTS] TOPIC name [WITH (properties)] [TIMEOUT n unit]; `timeout` in ms."""

    topic: str
    properties: Properties
    exists: bool
    timeout: int


@dataclass(frozen=True, kw_only=True)
class AssertSchema(Statement):
    """ASSERT [NOT EXISTS] SCHEMA [SUBJECT name] [ID n] [TIMEOUT n unit]; `timeout` in ms."""

    subject: str | None
    schema_id: int | None
    exists: bool
    timeout: int


@dataclass(frozen=True, kw_only=True)
class CreateType(Statement):
    """CREATE TYPE name AS type."""

    name: str
    type: SqlType
    if_not_exists: bool


@dataclass(frozen=True, kw_only=True)
class DropType(Statement):
    """DROP TYPE name."""

    name: str
    if_exists: bool
