"""The engine's HTTP server over topics in memory, one engine after the other behind the same port."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hypercorn.asyncio import serve
from hypercorn.config import Config

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.runner import LocalQuery
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.server.app import make_app

# Every change of a table shows, and push queries may be of either kind, as where the cases come from.
_PROPERTIES: Final = {"ksql.streams.cache.max.bytes.buffering": "0", "ksql.query.push.v2.enabled": "true"}
_SETTLE_SECONDS: Final = 5.0
_CLIENT_SECONDS: Final = 8.0


class MemoryServer:
    """A server whose engine lives as long as `engine` is entered. The thread is a daemon: it ends with the process."""

    def __init__(self) -> None:
        """Start to listen on a free port of this machine."""
        self._app: Any = None
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, name="conformance server", daemon=True).start()

    def _serve(self) -> None:
        config = Config()
        config.bind = [f"fd://{self._listener.fileno()}"]
        config.loglevel = "CRITICAL"
        config.accesslog = None
        asyncio.run(serve(self._dispatch, config, shutdown_trigger=_forever))

    async def _dispatch(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        await self._app(scope, receive, send)

    @contextmanager
    def engine(self, properties: Mapping[str, str], **settings: Any) -> Iterator[tuple[Engine, MemoryBroker]]:
        """Serve a new engine over an empty broker in memory; `settings` are further ones of EngineSettings."""
        broker = MemoryBroker()
        with tempfile.TemporaryDirectory() as folder:
            given = {**_PROPERTIES, **properties}
            made = EngineSettings("", Path(folder), commit_interval_ms=10, properties=given, **settings)
            engine = Engine(made, broker, MemoryRegistry())
            engine.start()
            self._app = make_app(engine)
            try:
                yield engine, broker
            finally:
                broker.close()
                engine.stop()

    def post(self, path: str, body: Mapping[str, Any]) -> http.client.HTTPResponse:
        """Send a request and return the answer, of which only the head is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CLIENT_SECONDS)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse()


async def _forever() -> None:
    await asyncio.Event().wait()


def wait_until_settled(engine: Engine, broker: MemoryBroker) -> None:
    """Wait until all queries have read all there is, or for some seconds."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline and not _settled(engine, broker):
        time.sleep(0.005)


def _settled(engine: Engine, broker: MemoryBroker) -> bool:
    for query in list(engine.tasks.values()):
        if not isinstance(query, LocalQuery):
            continue
        positions = query.task.state.offsets()
        ends = broker.memory.ends(query.task.topics)
        if any(positions.get(place, 0) < end for place, end in ends.items()):
            return False
    return True


def read_items(answer: http.client.HTTPResponse, count: int) -> list[Any]:
    """Return the first `count` items of an answer that is a JSON array with an item on each line, or all there are."""
    items: list[Any] = []
    while len(items) < count:
        line = answer.readline()
        if not line:
            break
        text = line.decode().strip().removeprefix("[").rstrip()
        text = text.removesuffix("]").rstrip().removesuffix(",") if text[-1:] in ("]", ",") else text
        if text:
            items.append(json.loads(text, parse_float=Decimal))
    return items
