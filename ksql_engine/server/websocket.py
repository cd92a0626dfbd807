"""/ws/query: a query over a WebSocket, each message a JSON text: first the columns, then the rows as they come.

The end is the socket's: with 1000 when all is sent, 1003 where the request is refused, 1011 when the query fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaException
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from ksql_engine.dialect.statements import PrintTopic
from ksql_engine.errors import BadRequestError, KsqlError
from ksql_engine.plan.model import Schema
from ksql_engine.runtime.engine import Engine, describe_failure
from ksql_engine.runtime.live import Live
from ksql_engine.runtime.push import PushQueries, PushQuery
from ksql_engine.runtime.queries import pulls_table, run_pull
from ksql_engine.server.entities import fields_json
from ksql_engine.server.statements import Request
from ksql_engine.server.streaming import deleted_row, live_texts, parsed_query, row_writer
from ksql_engine.types import Row

_DONE, _REFUSED, _FAILED = 1000, 1003, 1011
_REASON_BYTES: Final = 123
_VERSION: Final = "1"
Read = Callable[[dict[str, Any]], tuple[str, Request]]


async def answer_websocket(engine: Engine, pushes: PushQueries, socket: WebSocket, read: Read) -> None:
    """Answer the query in the address; `read` returns the text and the session of a request's body."""
    await socket.accept()
    live: Live | None = None
    try:
        text, request = read(_body(socket))
        query, properties = parsed_query(engine, text, request), request.plain()
        if isinstance(query, PrintTopic):
            live = await run_in_threadpool(pushes.open_print, query, properties)
            texts = live_texts("", live, json.dumps, "")
        elif query.emit is None and pulls_table(engine, query):
            plan, rows = await run_in_threadpool(run_pull, engine, query, properties)
            texts = _pulled(plan.schema, rows)
        else:
            live = pushed = await run_in_threadpool(pushes.open, query, properties)
            texts = _pushed(pushed)
        await _send_until_gone(socket, live, texts)
    except (KsqlError, KafkaException) as error:
        await _close(socket, _FAILED if live else _REFUSED, describe_failure(error))
    finally:
        if live is not None:
            pushes.close(live.query_id)


def _body(socket: WebSocket) -> dict[str, Any]:
    """Return the request in the address. Raises BadRequestError."""
    version, text = socket.query_params.get("version", _VERSION), socket.query_params.get("request", "")
    if version != _VERSION:
        raise BadRequestError(f"Received invalid api version: {version}")
    try:
        body = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"Error parsing request: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("Error parsing request: missing request parameter")
    return body


async def _send_until_gone(socket: WebSocket, live: Live | None, texts: AsyncIterator[str]) -> None:
    """Send all texts and close, or stop when the client is gone."""

    async def send() -> None:
        async for text in texts:
            await socket.send_text(text)
        error = live.error if live is not None else None
        await _close(socket, _DONE if error is None else _FAILED, "done" if error is None else error)

    async def leave() -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return

    both = {asyncio.create_task(send()), asyncio.create_task(leave())}
    try:
        done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if live is not None:
            live.close()  # ends its texts also where a cancellation is lost, as in asyncio.wait_for before Python 3.12
        for one in both:
            one.cancel()
    await asyncio.wait(both)
    for one in done:
        with suppress(WebSocketDisconnect, RuntimeError):  # the client went while something was sent
            one.result()


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Close; a reason can have few bytes only."""
    short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
    with suppress(WebSocketDisconnect, RuntimeError):  # the client was faster
        await socket.close(code, short)


def _columns(schema: Schema) -> str:
    return json.dumps(fields_json(Schema((), schema.value)))


async def _pulled(schema: Schema, rows: Iterator[Row]) -> AsyncIterator[str]:
    yield _columns(schema)
    write = row_writer(schema)
    while (row := await run_in_threadpool(next, rows, None)) is not None:
        yield _row(write(row))


async def _pushed(pushed: PushQuery) -> AsyncIterator[str]:
    write = row_writer(pushed.plan.schema)

    def text(pair: tuple[Row, Row | None]) -> str:
        key, value = pair
        return _row(write(value)) if value is not None else _row(write(deleted_row(pushed, key)), ',"tombstone":true')

    async for one in live_texts(_columns(pushed.plan.schema), pushed, text, ""):
        yield one


def _row(columns: str, more: str = "") -> str:
    return '{"row":{"columns":' + columns + more + "}}"
