"""/inserts-stream: rows as JSON lines into a source, each answered in turn, while the request still goes on."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Final

from confluent_kafka import KafkaException
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ksql_engine.errors import BadRequestError, DeserializationError, KsqlError, StatementError
from ksql_engine.formats.coerce import json_coercion
from ksql_engine.operators.endpoints import Message
from ksql_engine.plan.model import Source
from ksql_engine.runtime.engine import Engine, describe_failure
from ksql_engine.runtime.insert import row_message
from ksql_engine.server.session_properties import request_properties

_MAX_LINE: Final = 10 * 1024 * 1024
Answer = dict[str, Any]


async def answer_inserts(engine: Engine, request: Request) -> Response:
    """Write the rows of a request and answer each with a line; the first bad row ends it.

    Raises BadRequestError when the first line does not name a target, StatementError for an unknown one.
    """
    batches = _batches(request)
    lines = await anext(batches, [""])
    source = await run_in_threadpool(_source, engine, lines[0])
    return _InsertResponse(_answers(engine, source, lines[1:], batches))


class _InsertResponse(Response):
    """An answer that is sent while the request is still being read."""

    def __init__(self, answers: AsyncIterator[str]) -> None:
        super().__init__(media_type="application/vnd.ksqlapi.delimited.v1")
        del self.headers["content-length"]
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for text in self._answers:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _batches(request: Request) -> AsyncIterator[list[str]]:
    """Yield the lines that have arrived, as they arrive. Raises BadRequestError for one without an end."""
    rest = b""
    async for part in request.stream():
        *whole, rest = (rest + part).split(b"\n")
        if len(rest) > _MAX_LINE:
            raise BadRequestError(f"A row is larger than {_MAX_LINE} bytes")
        lines = [line.decode("utf-8", "replace") for line in whole if line.strip()]
        if lines:
            yield lines
    if rest.strip():
        yield [rest.decode("utf-8", "replace")]


def _source(engine: Engine, line: str) -> Source:
    try:
        head = json.loads(line)
        target, properties = head["target"], head.get("properties") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadRequestError("The first line must be a JSON object with a target") from error
    if not isinstance(target, str) or not target:
        raise BadRequestError("The target must be the name of a stream or table")
    if not isinstance(properties, dict):
        raise BadRequestError("Invalid JSON in request: 'properties' must be an object")
    request_properties(properties, engine.settings.properties)
    engine.check_ready()
    return engine.metastore.source(_name(target))


def _name(target: str) -> str:
    return target[1:-1] if target[:1] == "`" else target.upper()


async def _answers(
    engine: Engine, source: Source, first: list[str], batches: AsyncIterator[list[str]]
) -> AsyncIterator[str]:
    """Yield the answers to each batch of rows once the broker has them, until a row fails or the client goes."""
    count, lines = 0, first
    while True:
        answers = await run_in_threadpool(_insert_all, engine, source, lines, count)
        count += len(lines)
        if answers:
            yield "".join(json.dumps(answer) + "\n" for answer in answers)
        if answers and answers[-1]["status"] == "error":
            return
        try:
            lines = await anext(batches)
        except (StopAsyncIteration, ClientDisconnect):
            return
        except BadRequestError as error:
            yield json.dumps(_failed(error, count)) + "\n"
            return


def _insert_all(engine: Engine, source: Source, lines: Sequence[str], number: int) -> list[Answer]:
    """Write rows and wait for the broker; return an answer for each up to the first that fails."""
    messages: list[Message] = []
    answers: list[Answer] = []
    for place, line in enumerate(lines, start=number):
        try:
            with engine.lock:
                messages.append(row_message(engine, source, _row(source, line), time.time_ns() // 1_000_000))
        except (KsqlError, ValueError, RecursionError) as error:
            answers.append(_failed(error, place))
            break
        answers.append({"status": "ok", "seq": place})
    try:
        engine.inserter.write(messages)
    except (KsqlError, KafkaException) as error:
        # It is unknown which of the rows arrived, so none is said to have.
        return [_failed(error, number)]
    return answers


def _failed(error: Exception, number: int) -> Answer:
    code = error.code if isinstance(error, KsqlError) else 40000 if isinstance(error, ValueError) else 50000
    message = describe_failure(error) if isinstance(error, (KsqlError, KafkaException)) else str(error)
    return {"status": "error", "seq": number, "error_code": code, "message": message}


def _row(source: Source, line: str) -> dict[str, Any]:
    held = json.loads(line, parse_float=Decimal)
    if not isinstance(held, dict):
        raise StatementError("A row must be a JSON object")
    types = {column.name.upper(): column for column in source.schema.columns}
    values: dict[str, Any] = {}
    for name, value in held.items():
        column = types.get(_name(name).upper())
        if column is None:
            raise StatementError(f"Column name `{name}` does not exist.")
        try:
            values[column.name] = json_coercion(column.type)(value)
        except DeserializationError as error:
            raise StatementError(f"Can't coerce the value of `{column.name}`: {error}") from error
    return values
