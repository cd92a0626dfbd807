"""Answers of queries: rows as they come, in the forms of /query and /query-stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import PrintTopic, Query, SelectStatement
from ksql_engine.dialect.variables import substitute
from ksql_engine.errors import KsqlError, StatementError
from ksql_engine.formats.json_format import json_encoder
from ksql_engine.formats.window_keys import BOUNDS
from ksql_engine.plan.model import WINDOW_BOUNDS, Schema
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.queries import PushQueries, PushQuery, pulls_table, run_pull
from ksql_engine.server.statements import FailedStatement, Request
from ksql_engine.types import Row

_V1 = "application/vnd.ksql.v1+json"
_DELIMITED = "application/vnd.ksqlapi.delimited.v1"
_WAIT_SECONDS = 0.5
_CHUNK_ROWS = 200


@dataclass(frozen=True)
class _Shape:
    """How an answer is written: its first text, a row, a deleted row (empty: left out), and its end by message.

    `quiet` is sent after a time without rows; ksqlDB's older protocol has empty lines there.
    """

    head: str
    row: Callable[[Row], str]
    tombstone: Callable[[Row], str]
    tail: Callable[[str | None], str]
    media_type: str
    quiet: str = ""


Make = Callable[[str, Schema, frozenset[str], bool], _Shape]


async def answer_query(engine: Engine, pushes: PushQueries, text: str, request: Request) -> Response:
    """Answer /query: one JSON array of header, rows and final message, each on its own line."""
    return await _answer(engine, pushes, text, request, _array_shape)


async def answer_query_stream(
    engine: Engine, pushes: PushQueries, text: str, request: Request, accept: str
) -> Response:
    """Answer /query-stream in the accepted form: lines of JSON by default."""
    shape: Make = _delimited_shape
    if _V1 in accept:
        shape = _array_shape
    elif "application/json" in accept:
        shape = _list_shape
    return await _answer(engine, pushes, text, request, shape)


def _parsed(engine: Engine, text: str, request: Request) -> Query:
    try:
        statement = parse_statement(substitute(text, request.variables), engine.metastore.types)
        engine.check_ready()
        if isinstance(statement, PrintTopic):
            raise StatementError("PRINT is not supported yet")
        if not isinstance(statement, SelectStatement):
            raise StatementError("Only SELECT and PRINT statements can be sent to this address; use /ksql")
    except KsqlError as error:
        raise FailedStatement(error, text, []) from error
    return statement.query


async def _answer(engine: Engine, pushes: PushQueries, text: str, request: Request, make: Make) -> Response:
    query = _parsed(engine, text, request)
    try:
        if query.emit is None and pulls_table(engine, query):
            plan, rows = await run_in_threadpool(run_pull, engine, query, request.plain())
            shape = make("", plan.schema, plan.key_columns, False)
            return StreamingResponse(_pull_body(shape, rows), media_type=shape.media_type)
        pushed = await run_in_threadpool(pushes.open, query, request.plain())
    except KsqlError as error:
        raise FailedStatement(error, text, []) from error
    shape = make(pushed.query_id, pushed.plan.schema, frozenset(), True)
    return StreamingResponse(_push_body(shape, pushed, pushes), media_type=shape.media_type)


async def _pull_body(shape: _Shape, rows: Iterator[Row]) -> AsyncIterator[str]:
    yield shape.head
    while True:
        chunk = await run_in_threadpool(_some, shape, rows)
        if not chunk:
            break
        yield chunk
    yield shape.tail(None)


def _some(shape: _Shape, rows: Iterator[Row]) -> str:
    parts: list[str] = []
    for row in rows:
        parts.append(shape.row(row))
        if len(parts) >= _CHUNK_ROWS:
            break
    return "".join(parts)


async def _push_body(shape: _Shape, pushed: PushQuery, pushes: PushQueries) -> AsyncIterator[str]:
    """Yield rows until the query ends or the client goes; the query is closed in either case."""
    try:
        yield shape.head
        while True:
            text = await run_in_threadpool(_next, shape, pushed)
            if text is None:
                break
            if text:
                yield text
        yield shape.tail(pushed.error or ("Limit Reached" if pushed.limited else "Query Completed"))
    finally:
        pushes.close(pushed.query_id)


def _next(shape: _Shape, pushed: PushQuery) -> str | None:
    """Return the next row's text; the shape's sign of life after a quiet time; None at the end."""
    try:
        found = pushed.take(_WAIT_SECONDS)
    except StopIteration:
        return None
    if found is None:
        return shape.quiet
    key, value = found
    return shape.row(value) if value is not None else shape.tombstone(_deleted(pushed, key))


def _deleted(pushed: PushQuery, key: Row) -> Row:
    """Return a deleted row: its key columns where they are selected, else nulls."""
    names = {column.name: part for column, part in zip(pushed.plan.schema.key, key, strict=False)}
    if pushed.plan.window is not None:
        names.update(zip(WINDOW_BOUNDS, key[-BOUNDS:], strict=True))
    return tuple(names.get(column.name) for column in pushed.plan.schema.value)


def _schema_text(schema: Schema, keys: frozenset[str]) -> str:
    return ", ".join(f"`{column.name}` {column.type}{' KEY' if column.name in keys else ''}" for column in schema.value)


def _row_writer(schema: Schema) -> Callable[[Row], str]:
    encoders = [json_encoder(column.type) for column in schema.value]
    return lambda row: "[" + ",".join([write(value) for write, value in zip(encoders, row, strict=True)]) + "]"


def _array_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = _row_writer(schema)
    header = {"header": {"queryId": query_id or None, "schema": _schema_text(schema, keys)}}

    def tail(message: str | None) -> str:
        return f",\n{json.dumps({'finalMessage': message})}]\n" if push and message else "]\n"

    def row(values: Row) -> str:
        return ',\n{"row":{"columns":' + write(values) + "}}"

    def tombstone(values: Row) -> str:
        return ',\n{"row":{"columns":' + write(values) + ',"tombstone":true}}'

    if not push:
        return _Shape("[" + json.dumps(header), row, tombstone, tail, _V1)
    # A push query's rows end their line at once, so that a client that reads lines sees each row when it comes.
    return _Shape(
        "[" + json.dumps(header) + ",\n",
        lambda values: row(values)[2:] + ",\n",
        lambda values: tombstone(values)[2:] + ",\n",
        lambda message: json.dumps({"finalMessage": message}) + "]\n",
        _V1,
        "\n",
    )


def _delimited_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = _row_writer(schema)
    head = json.dumps(_header(query_id, schema)) + "\n"
    return _Shape(head, lambda row: write(row) + "\n", lambda row: "", lambda message: "", _DELIMITED)


def _list_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = _row_writer(schema)
    head = "[" + json.dumps(_header(query_id, schema))
    return _Shape(head, lambda row: ",\n" + write(row), lambda row: "", lambda message: "]\n", "application/json")


def _header(query_id: str, schema: Schema) -> dict[str, object]:
    return {
        "queryId": query_id or None,
        "columnNames": [column.name for column in schema.value],
        "columnTypes": [str(column.type) for column in schema.value],
    }
