"""Queries over a WebSocket."""

from __future__ import annotations

import base64
import json
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Message, RejectConnection, Request, TextMessage

from ksql_engine.conformance.rest_server import MemoryServer
from tests.unit.ksql_engine.rest_world import STREAM, TABLE, Api, live_threads
from tests.waiting import eventually


class Client:
    """One WebSocket; `messages` are its texts as JSON until it is closed."""

    def __init__(self, port: int, request: Any, more: str = "", **headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        given = request if isinstance(request, str) else json.dumps(request)
        target = f"/ws/query?request={quote(given)}{more}"
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._socket.sendall(self._protocol.send(Request(host="localhost", target=target, extra_headers=extra)))
        self.closed: tuple[int, str | None] | None = None
        self.refused: int | None = None

    def messages(self) -> Iterator[Any]:
        text = ""
        while data := self._socket.recv(65536):
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        yield json.loads(text)
                        text = ""
                elif isinstance(event, CloseConnection):
                    self.closed = (event.code, event.reason)
                    return
                elif isinstance(event, RejectConnection):
                    self.refused = event.status_code
                    return

    def say(self, text: str) -> None:
        self._socket.sendall(self._protocol.send(Message(data=text)))

    def vanish(self) -> None:
        """End at once with a reset: nothing is said to the server."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()


def asked(api: Api, text: str, more: str = "") -> tuple[list[Any], tuple[int, str | None] | None]:
    with Client(api.server.port, {"ksql": text}, more) as client:
        return list(client.messages()), client.closed


def test_columns_rows_and_the_end(api: Api) -> None:
    api.ksql(STREAM)
    for n in (1, 2):
        api.add("a", f'{{"n": {n}}}')
    found, closed = asked(api, "SELECT id, n FROM s EMIT CHANGES LIMIT 2;", "&version=1")
    assert [(one["name"], one["schema"]["type"]) for one in found[0]] == [("ID", "STRING"), ("N", "INTEGER")]
    assert [one["row"]["columns"] for one in found[1:]] == [["a", 1], ["a", 2]]
    assert closed == (1000, "done")


def test_a_pull_query_and_print(api: Api) -> None:
    api.ksql(STREAM + TABLE)
    api.add("a", '{"n": 1}')
    eventually(lambda: asked(api, "SELECT * FROM t;")[0][1:] == [{"row": {"columns": ["a", 1]}}])
    found, closed = asked(api, "PRINT s FROM BEGINNING LIMIT 1;")
    assert [line.split(":")[0] for text in found for line in text.splitlines()] == [
        "Key format",
        "Value format",
        "rowtime",
    ]
    assert closed == (1000, "done")


@pytest.mark.parametrize(
    ("request_text", "more", "reason"),
    [
        ('{"ksql": "SELECT * FROM nowhere EMIT CHANGES;"}', "", "NOWHERE does not exist"),
        ('{"ksql": "SHOW STREAMS;"}', "", "Only SELECT and PRINT"),
        ('{"ksql": "SELECT"}', "", "line 1:7: Syntax Error"),
        ('{"ksql": "SELECT 1;", "streamsProperties": {"nonsense": 1}}', "", "Failed to set 'nonsense' to '1'"),
        ("{", "", "Error parsing request"),
        ("", "", "missing request parameter"),
        ("{}", "", "'ksql' is missing"),
        ('{"ksql": "SELECT 1;"}', "&version=2", "Received invalid api version: 2"),
    ],
)
def test_what_cannot_be_answered_is_closed_with_its_reason(api: Api, request_text: str, more: str, reason: str) -> None:
    with Client(api.server.port, request_text, more) as client:
        assert list(client.messages()) == []
    assert client.closed is not None
    assert client.closed[0] == 1003
    assert reason in str(client.closed[1])


def test_a_client_that_goes_leaves_nothing_behind(api: Api) -> None:
    api.ksql(STREAM)
    with Client(api.server.port, {"ksql": "SELECT * FROM s EMIT CHANGES;"}) as client:
        assert next(client.messages())
        client.say("anything")
        api.add("a", '{"n": 1}')
        assert next(client.messages())["row"]["columns"] == ["a", 1]
        assert live_threads()
    eventually(lambda: not live_threads())


def test_clients_that_vanish_leave_nothing_behind(api: Api) -> None:
    api.ksql(STREAM)
    for place in range(30):
        with Client(api.server.port, {"ksql": "SELECT * FROM s EMIT CHANGES;"}) as client:
            if place % 3:
                next(client.messages())
            client.vanish()
    eventually(lambda: not live_threads())


def test_users_are_asked_for_here_too(server: MemoryServer) -> None:
    with server.engine({}, users={"ann": "secret"}) as (engine, broker):
        api = Api(server, engine, broker)
        with Client(api.server.port, {"ksql": "SHOW STREAMS;"}) as client:
            assert list(client.messages()) == []
            assert client.refused == 401
        known = base64.b64encode(b"ann:secret").decode()
        with Client(api.server.port, {"ksql": "SHOW STREAMS;"}, Authorization=f"Basic {known}") as client:
            assert list(client.messages()) == []
            assert client.closed is not None
