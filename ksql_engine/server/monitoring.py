"""Addresses that tell of the server itself: what it is, how it does, what became of commands."""

from __future__ import annotations

import time
import uuid
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ksql_engine.errors import BadRequestError, NotFoundError
from ksql_engine.runtime.engine import Engine
from ksql_engine.server.session_properties import PropertyError, UnknownPropertyError, check_allowed, resolve
from ksql_engine.server.statements import StatementRunner

VERSION: Final = "0.29.0"


class Monitoring:
    """The handlers; none of them waits for anything."""

    def __init__(self, engine: Engine, statements: StatementRunner) -> None:
        """Tell of `engine`, and of the commands that `statements` ran."""
        self._engine, self._statements = engine, statements
        self._server_id = str(uuid.uuid4())

    def routes(self) -> list[Route]:
        """Return the addresses."""
        get = ["GET"]
        return [
            Route("/", lambda _request: RedirectResponse("/info"), methods=get),
            Route("/info", self._info, methods=get),
            Route("/healthcheck", self._health, methods=get),
            Route("/clusterStatus", self._cluster_status, methods=get),
            Route("/status", self._statuses, methods=get),
            Route("/status/{kind}/{name:path}/{action}", self._status, methods=get),
            Route("/is_valid_property/{name}", self._is_valid_property, methods=get),
            Route("/v1/metadata", self._metadata, methods=get),
            Route("/v1/metadata/id", self._metadata_id, methods=get),
            Route("/chc/live", self._live, methods=get),
            Route("/chc/ready", self._ready, methods=get),
        ]

    async def _info(self, _request: Request) -> Response:
        engine = self._engine
        info = {
            "version": VERSION,
            "kafkaClusterId": engine.cluster_id,
            "ksqlServiceId": engine.settings.service_id,
            "serverStatus": "RUNNING" if self._state == "READY" else self._state,
        }
        return JSONResponse({"KsqlServerInfo": info})

    async def _health(self, _request: Request) -> Response:
        details = {name: {"isHealthy": healthy} for name, healthy in self._engine.healthy.items()}
        ready = self._state == "READY"
        body = {"isHealthy": ready, "details": details, "serverState": self._state}
        return JSONResponse(body, status_code=200 if ready else 503)

    @property
    def _state(self) -> str:
        if self._engine.terminated:
            return "TERMINATING"
        return "READY" if self._engine.ready else "INITIALIZING"

    async def _cluster_status(self, _request: Request) -> Response:
        now, settings = time.time_ns() // 1_000_000, self._engine.settings
        host = {
            "hostAlive": True,
            "lastStatusUpdateMs": now,
            "activeStandbyPerQuery": {},
            "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": now},
        }
        return JSONResponse({"clusterStatus": {f"{settings.host}:{settings.port}": host}})

    async def _statuses(self, _request: Request) -> Response:
        return JSONResponse({"commandStatuses": {name: one["status"] for name, one in self._statements.done.items()}})

    async def _status(self, request: Request) -> Response:
        given = request.path_params
        kind, name, action = given["kind"], given["name"], given["action"]
        for spelled in (f"{kind}/{name}/{action}", f"{kind}/`{name}`/{action}"):
            if spelled in self._statements.done:
                return JSONResponse(self._statements.done[spelled])
        raise NotFoundError("Command not found")

    async def _is_valid_property(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            check_allowed([name], self._engine.settings.properties)
        except PropertyError as error:
            raise BadRequestError(str(error)) from error
        if resolve(name) is None:
            raise BadRequestError(str(UnknownPropertyError(name)))
        return JSONResponse(True)

    async def _metadata(self, _request: Request) -> Response:
        return JSONResponse({"version": VERSION, "clusterId": self._cluster()})

    async def _metadata_id(self, _request: Request) -> Response:
        return JSONResponse({"id": "", **self._cluster()})

    def _cluster(self) -> dict[str, object]:
        settings = self._engine.settings
        clusters = {"kafka-cluster": self._engine.cluster_id, "ksql-cluster": settings.service_id}
        return {"scope": {"path": [], "clusters": clusters}, "id": self._server_id}

    async def _live(self, _request: Request) -> Response:
        return JSONResponse({})

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({}, status_code=200 if self._state == "READY" else 503)
