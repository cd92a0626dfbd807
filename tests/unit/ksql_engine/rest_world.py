"""The REST API of an engine over topics in memory, and what tests ask of it."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

from ksql_engine.conformance.rest_server import MemoryServer
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker

STREAM = "CREATE STREAM s (id STRING KEY, n INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
TABLE = "CREATE TABLE t AS SELECT id, COUNT(*) AS c FROM s GROUP BY id;"


class Api:
    """A served engine with its broker."""

    def __init__(self, server: MemoryServer, engine: Engine, broker: MemoryBroker) -> None:
        self.server, self.engine, self.broker = server, engine, broker

    def ksql(self, text: str, **more: Any) -> list[Any]:
        answer = self.server.post("/ksql", {"ksql": text, **more})
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return list(body)

    def refused(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        answer = self.server.post(path, body)
        return answer.status, json.loads(answer.read())

    def raw(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def get(self, path: str) -> tuple[int, Any]:
        status, data = self.raw("GET", path)
        return status, json.loads(data)

    def add(self, key: str, value: str, topic: str = "s") -> None:
        self.broker.memory.append(Message(topic, key.encode(), value.encode(), 1000))


def live_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith(("transient_", "print_"))]
