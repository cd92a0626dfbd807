"""Answers of queries: rows as they come, in the forms of /query and /query-stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import PrintTopic, Query, SelectStatement
from ksql_engine.dialect.variables import substitute
from ksql_engine.errors import KsqlError, StatementError
from ksql_engine.formats.json_format import json_encoder
from ksql_engine.formats.window_keys import BOUNDS
from ksql_engine.plan.model import WINDOW_BOUNDS, Schema
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.live import Live
from ksql_engine.runtime.push import PushQueries, PushQuery
from ksql_engine.runtime.queries import pulls_table, run_pull
from ksql_engine.server.statements import FailedStatement, Request
from ksql_engine.types import Row

_V1 = "application/vnd.ksql.v1+json"
_DELIMITED = "application/vnd.ksqlapi.delimited.v1"
_WAIT_SECONDS = 0.5
_CHUNK_ROWS = 200


@dataclass(frozen=True)
class _Shape:
    """How an answer is written: its first text, a row, a deleted row (empty: left out), its end by message or failure.

    `quiet` is sent after a time without rows; ksqlDB's older protocol has empty lines there.
    """

    head: str
    row: Callable[[Row], str]
    tombstone: Callable[[Row], str]
    tail: Callable[[str | None], str]
    failed: Callable[[str], str]
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


def parsed_query(engine: Engine, text: str, request: Request) -> Query | PrintTopic:
    """Return a query or PRINT. Raises KsqlError for other text, or when the engine cannot answer."""
    statement = parse_statement(substitute(text, request.variables), engine.metastore.types)
    engine.check_ready()
    if isinstance(statement, PrintTopic):
        return statement
    if not isinstance(statement, SelectStatement):
        raise StatementError("Only SELECT and PRINT statements can be sent to this address; use /ksql")
    return statement.query


async def _answer(engine: Engine, pushes: PushQueries, text: str, request: Request, make: Make) -> Response:
    try:
        query, properties = parsed_query(engine, text, request), request.plain()
        if isinstance(query, PrintTopic):
            if make is _list_shape:
                return Response(status_code=406)
            printed = await run_in_threadpool(pushes.open_print, query, properties)
            return _LiveResponse(live_texts("", printed, str, ""), printed, pushes, _DELIMITED)
        if query.emit is None and pulls_table(engine, query):
            plan, rows = await run_in_threadpool(run_pull, engine, query, properties)
            shape = make("", plan.schema, plan.key_columns, False)
            return StreamingResponse(_pull_body(shape, rows), media_type=shape.media_type)
        pushed = await run_in_threadpool(pushes.open, query, properties)
    except KsqlError as error:
        raise FailedStatement(error, text, []) from error
    shape = make(pushed.query_id, pushed.plan.schema, frozenset(), True)
    return _LiveResponse(_push_body(shape, pushed), pushed, pushes, shape.media_type)


class _LiveResponse(StreamingResponse):
    """An answer that goes on; whatever ends it, also before its first byte, ends what it reads from."""

    def __init__(self, body: AsyncIterator[str], live: Live, pushes: PushQueries, media_type: str) -> None:
        super().__init__(body, media_type=media_type)
        self._live, self._pushes = live, pushes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pushes.close(self._live.query_id)


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


async def _push_body(shape: _Shape, pushed: PushQuery) -> AsyncIterator[str]:
    """Yield the head, each row as it comes, and how the query ended."""

    def text(pair: tuple[Row, Row | None]) -> str:
        key, value = pair
        return shape.row(value) if value is not None else shape.tombstone(deleted_row(pushed, key))

    async for one in live_texts(shape.head, pushed, text, shape.quiet):
        yield one
    if pushed.error is not None:
        yield shape.failed(pushed.error)
    else:
        yield shape.tail("Limit Reached" if pushed.limited else "Query Completed")


async def live_texts(head: str, live: Live, text: Callable[[Any], str], quiet: str) -> AsyncIterator[str]:
    """Yield each item's text when it comes, and `quiet` after a time without one. No thread waits meanwhile."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    live.on_change(lambda: _tell(loop, changed))
    if head:
        yield head
    while True:
        changed.clear()
        try:
            item = live.take()
        except StopIteration:
            return
        if item is not None:
            written = text(item)
            if written:
                yield written
            continue
        try:
            await asyncio.wait_for(changed.wait(), _WAIT_SECONDS)
        except asyncio.TimeoutError:
            if quiet:
                yield quiet


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the server is gone
        loop.call_soon_threadsafe(changed.set)


def deleted_row(pushed: PushQuery, key: Row) -> Row:
    """Return a deleted row: its key columns where they are selected, else nulls."""
    names = {column.name: part for column, part in zip(pushed.plan.schema.key, key, strict=False)}
    if pushed.plan.window is not None:
        names.update(zip(WINDOW_BOUNDS, key[-BOUNDS:], strict=True))
    return tuple(names.get(column.name) for column in pushed.plan.schema.value)


def _schema_text(schema: Schema, keys: frozenset[str]) -> str:
    return ", ".join(f"`{column.name}` {column.type}{' KEY' if column.name in keys else ''}" for column in schema.value)


def row_writer(schema: Schema) -> Callable[[Row], str]:
    """Return the function from a row to a JSON list."""
    encoders = [json_encoder(column.type) for column in schema.value]
    return lambda row: "[" + ",".join([write(value) for write, value in zip(encoders, row, strict=True)]) + "]"


def _array_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = row_writer(schema)
    header = {"header": {"queryId": query_id or None, "schema": _schema_text(schema, keys)}}

    def tail(message: str | None) -> str:
        return f",\n{json.dumps({'finalMessage': message})}]\n" if push and message else "]\n"

    def row(values: Row) -> str:
        return ',\n{"row":{"columns":' + write(values) + "}}"

    def tombstone(values: Row) -> str:
        return ',\n{"row":{"columns":' + write(values) + ',"tombstone":true}}'

    if not push:
        return _Shape("[" + json.dumps(header), row, tombstone, tail, _no_text, _V1)
    # A push query's rows end their line at once, so that a client that reads lines sees each row when it comes.
    return _Shape(
        "[" + json.dumps(header) + ",\n",
        lambda values: row(values)[2:] + ",\n",
        lambda values: tombstone(values)[2:] + ",\n",
        lambda message: json.dumps({"finalMessage": message}) + "]\n",
        lambda problem: json.dumps({"errorMessage": _generic(problem)}) + "]\n",
        _V1,
        "\n",
    )


def _delimited_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = row_writer(schema)
    head = json.dumps(_header(query_id, schema)) + "\n"
    return _Shape(
        head,
        lambda row: write(row) + "\n",
        _no_text,
        _no_text,
        lambda problem: json.dumps(_generic(problem)) + "\n",
        _DELIMITED,
    )


def _list_shape(query_id: str, schema: Schema, keys: frozenset[str], push: bool) -> _Shape:
    write = row_writer(schema)
    head = "[" + json.dumps(_header(query_id, schema))
    return _Shape(
        head,
        lambda row: ",\n" + write(row),
        _no_text,
        lambda message: "]\n",
        lambda problem: f",\n{json.dumps(_generic(problem))}]\n",
        "application/json",
    )


def _header(query_id: str, schema: Schema) -> dict[str, object]:
    return {
        "queryId": query_id or None,
        "columnNames": [column.name for column in schema.value],
        "columnTypes": [str(column.type) for column in schema.value],
    }


def _no_text(_what: object) -> str:
    return ""


def _generic(problem: str) -> dict[str, object]:
    return {"@type": "generic_error", "error_code": 50000, "message": problem}
