"""The REST API: addresses, request bodies and error answers (ksqlDB reference, "REST API")."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from confluent_kafka import KafkaException
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ksql_engine.errors import BadRequestError, CommandTimeoutError, KsqlError
from ksql_engine.runtime.engine import Engine, describe_failure
from ksql_engine.runtime.push import PushQueries
from ksql_engine.server import statements
from ksql_engine.server.auth import BasicAuth
from ksql_engine.server.cluster import terminate
from ksql_engine.server.inserts import answer_inserts
from ksql_engine.server.monitoring import Monitoring
from ksql_engine.server.session_properties import request_properties
from ksql_engine.server.statements import FailedStatement, StatementRunner
from ksql_engine.server.streaming import answer_query, answer_query_stream
from ksql_engine.server.websocket import answer_websocket

_LOG = logging.getLogger(__name__)
_MAX_BODY: Final = 10 * 1024 * 1024


def make_app(engine: Engine) -> ASGIApp:
    """Return the application that serves `engine`, to its users alone where it has some."""
    runner = StatementRunner(engine)
    api = _Api(engine, runner)
    app = Starlette(
        routes=[
            *Monitoring(engine, runner).routes(),
            Route("/ksql", api.ksql, methods=["POST"]),
            Route("/ksql/terminate", api.terminate, methods=["POST"]),
            Route("/query", api.query, methods=["POST"]),
            Route("/query-stream", api.query_stream, methods=["POST"]),
            Route("/close-query", api.close_query, methods=["POST"]),
            Route("/inserts-stream", api.inserts_stream, methods=["POST"]),
            WebSocketRoute("/ws/query", api.websocket_query),
        ],
        exception_handlers={
            KsqlError: _failed,
            KafkaException: _failed,
            ClientDisconnect: _left,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    return BasicAuth(app, engine.settings.users) if engine.settings.users else app


def generic_error(code: int, message: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"@type": "generic_error", "error_code": code, "message": message}


async def _failed(_request: Request, error: Exception) -> Response:
    if isinstance(error, FailedStatement):
        body = {
            "@type": "statement_error",
            "error_code": error.code,
            "message": str(error),
            "statementText": error.statement,
            "entities": error.done,
        }
        return JSONResponse(body, status_code=error.status)
    if isinstance(error, KsqlError):
        return JSONResponse(generic_error(error.code, str(error)), status_code=error.status)
    message = describe_failure(error) if isinstance(error, KafkaException) else str(error)
    return JSONResponse(generic_error(50000, message), status_code=500)


async def _left(_request: Request, _error: Exception) -> Response:
    """The client went before its request was whole: nobody reads an answer."""
    return Response(status_code=400)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(generic_error(status * 100, str(getattr(error, "detail", error))), status_code=status)


async def _unexpected(_request: Request, error: Exception) -> Response:
    _LOG.error("request failed", exc_info=error)
    return JSONResponse(generic_error(50000, f"{type(error).__name__}: {error}"), status_code=500)


class _Api:
    """The handlers; what blocks runs in the thread pool."""

    def __init__(self, engine: Engine, runner: StatementRunner) -> None:
        self._engine = engine
        self._statements = runner
        self._pushes = PushQueries(engine)

    async def ksql(self, request: Request) -> Response:
        body = await _json_body(request)
        text = _text(body, "ksql")
        session = self._session(body, "streamsProperties")
        self._check_sequence(body.get("commandSequenceNumber"))
        return JSONResponse(await run_in_threadpool(self._statements.execute, text, session))

    def _check_sequence(self, number: Any) -> None:
        """Raise NotReadyError for a command that was not run: commands are run as they come, so none is waited for."""
        if number is None:
            return
        if not isinstance(number, int) or isinstance(number, bool):
            raise BadRequestError("Invalid JSON in request: 'commandSequenceNumber' must be a number")
        if number >= max(self._engine.sequence, 1):
            raise CommandTimeoutError(
                f"Timed out while waiting for a previous command to execute. command sequence number: {number}"
            )

    async def terminate(self, request: Request) -> Response:
        body = await _json_body(request)
        self._session(body, "streamsProperties")
        return JSONResponse(await run_in_threadpool(terminate, self._engine, body))

    async def query(self, request: Request) -> Response:
        body = await _json_body(request)
        return await answer_query(
            self._engine, self._pushes, _text(body, "ksql"), self._session(body, "streamsProperties")
        )

    async def query_stream(self, request: Request) -> Response:
        if request.scope["http_version"] == "1.0":
            raise BadRequestError("This endpoint is only available when using HTTP1.1 or HTTP2")
        body = await _json_body(request)
        return await answer_query_stream(
            self._engine,
            self._pushes,
            _text(body, "sql"),
            self._session(body, "properties"),
            request.headers.get("accept", "*/*"),
        )

    async def websocket_query(self, socket: WebSocket) -> None:
        def request(body: dict[str, Any]) -> tuple[str, statements.Request]:
            return _text(body, "ksql"), self._session(body, "streamsProperties")

        await answer_websocket(self._engine, self._pushes, socket, request)

    async def close_query(self, request: Request) -> Response:
        query_id = _text(await _json_body(request), "queryId")
        if not self._pushes.close(query_id):
            raise BadRequestError(f"No query with id {query_id}")
        return Response(status_code=200)

    async def inserts_stream(self, request: Request) -> Response:
        return await answer_inserts(self._engine, request)

    def _session(self, body: dict[str, Any], name: str) -> statements.Request:
        given, variables = body.get(name) or {}, body.get("sessionVariables") or {}
        if not isinstance(given, dict) or not isinstance(variables, dict):
            raise BadRequestError(f"Invalid JSON in request: '{name}' must be an object")
        server = self._engine.settings.properties
        properties = request_properties(given, server)
        return statements.Request(properties, {key: str(value) for key, value in variables.items()}, server)


async def _body(request: Request) -> bytes:
    """Return the body. Raises BadRequestError when it is too big."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _MAX_BODY:
            raise BadRequestError(f"The request is larger than {_MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await _body(request))
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"Invalid JSON in request: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("Invalid JSON in request: an object was expected")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadRequestError(f"Invalid JSON in request: '{name}' is missing")
    return value
