"""Many clients at once, and clients that go without a word: nothing of them may be left in the engine."""

# ruff: noqa: S608 - statements are made of test data
from __future__ import annotations

import json
import random
import time
import urllib.error
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from conftest import LabServices
from engine_process import EngineProcess
from http_streams import Http1Streams, Http2Streams, connect, lines_with, post_bytes, vanish

from tests.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MOST = 24
_SETTLE_SECONDS = 90.0
_IDLE_SECONDS = 12.0
EARLIEST = {"auto.offset.reset": "earliest"}


@pytest.fixture
def limited(lab_services: LabServices, tmp_path: Path) -> Iterator[EngineProcess]:
    """An engine that allows as many push queries as are opened here."""
    one = EngineProcess(
        lab_services.bootstrap, lab_services.registry_url, tmp_path, "--max-push-queries", str(MOST), "--workers", "1"
    )
    one.start()
    try:
        one.wait_ready()
        yield one
    finally:
        if one.process is not None:
            one.process.terminate()
            one.process.wait(10)


class Usage:
    """What an engine's processes hold: threads, those of Kafka's clients, file descriptors, connections, groups."""

    def __init__(self, engine: EngineProcess, services: LabServices) -> None:
        assert engine.process is not None
        self._engine = engine
        self._admin = AdminClient(services.settings.kafka_client)
        self._broker_port = int(services.bootstrap.rpartition(":")[2])
        main = psutil.Process(engine.process.pid)
        self._processes = [main, *main.children(recursive=True)]

    def now(self) -> dict[str, int]:
        """Return the numbers; a request first lets the server end threads that have had nothing to do for long."""
        self._engine.ksql("SHOW STREAMS;")
        groups = self._admin.list_consumer_groups().result(20).valid
        ours = [one for one in groups if f"t{self._engine.port}_" in one.group_id]
        found = {"groups": len(ours), "threads": 0, "clients": 0, "files": 0, "connections": 0}
        for one in self._processes:
            found["threads"] += one.num_threads()
            found["clients"] += self._client_threads(one.pid)
            found["files"] += one.num_fds()
            found["connections"] += sum(
                1 for used in one.net_connections("tcp") if used.raddr and used.raddr.port == self._broker_port
            )
        return found

    def leaves_nothing(self, what: Callable[[], object]) -> None:
        """Do something twice, and see that the second time leaves nothing behind.

        The first time makes what is made when first used, such as connections to the broker.
        """
        what()
        before = self.steady()
        what()
        now: dict[str, int] = {}

        def back() -> bool:
            now.update(self.now())
            return all(now[name] <= before[name] for name in before)

        try:
            eventually(back, _SETTLE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"held before: {before}, and still: {now}") from error

    def steady(self) -> dict[str, int]:
        """Return the numbers once they have stayed the same for longer than idle threads of the server live."""
        last, since = self.now(), time.monotonic()

        def is_steady() -> bool:
            nonlocal last, since
            now = self.now()
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > _IDLE_SECONDS

        eventually(is_steady, _SETTLE_SECONDS)
        return last

    @staticmethod
    def _client_threads(pid: int) -> int:
        found = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that ends while we look
                found += (task / "comm").read_text().startswith("rdk:")
        return found


def stream(engine: EngineProcess) -> str:
    name = f"T{uuid.uuid4().hex[:8]}".upper()
    engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=2, VALUE_FORMAT='JSON');"
        f"INSERT INTO {name} VALUES ('a', 1);"
    )
    return name


def opened(engine: EngineProcess, name: str) -> list[Http1Streams | Http2Streams]:
    """Open a quarter of the queries that are allowed in each way: addresses and protocols."""
    text = f"SELECT id, n FROM {name} EMIT CHANGES;"
    query = json.dumps({"ksql": text, "streamsProperties": EARLIEST}).encode()
    stream_query = json.dumps({"sql": text, "properties": EARLIEST}).encode()
    count = MOST // 4
    return [
        Http1Streams(engine.port, count, "/query", query),
        Http1Streams(engine.port, count, "/query-stream", stream_query),
        Http2Streams(engine.port, count, "/query", query),
        Http2Streams(engine.port, count, "/query-stream", stream_query),
    ]


def all_have(answers: list[Http1Streams | Http2Streams], row: str) -> bool:
    return all(row.encode() in text for one in answers for text in one.read())


def query_ids(answers: Http1Streams | Http2Streams) -> list[str]:
    heads = [lines_with(text, "queryId")[0] for text in answers.read()]
    return [head.get("header", head)["queryId"] for head in heads]


def play(engine: EngineProcess, name: str) -> None:
    """Open all, see rows on each, have one more refused; half of them vanish and the others are closed by id."""
    answers = opened(engine, name)
    eventually(lambda: all_have(answers, '["a",1]'), 60)
    engine.ksql(f"INSERT INTO {name} VALUES ('b', 2);")
    eventually(lambda: all_have(answers, '["b",2]'), 60)
    with pytest.raises(urllib.error.HTTPError) as refused:
        engine.post("/query", {"ksql": f"SELECT * FROM {name} EMIT CHANGES;"})
    assert refused.value.code == 429
    assert json.loads(refused.value.read())["error_code"] == 40003
    for gone in (answers[0], answers[3]):
        gone.vanish()
    for closed in (answers[1], answers[2]):
        for query_id in query_ids(closed):
            engine.post("/close-query", {"queryId": query_id})
        closed.close()


def test_clients_leave_nothing_behind(limited: EngineProcess, lab_services: LabServices) -> None:
    name = stream(limited)
    usage = Usage(limited, lab_services)
    usage.leaves_nothing(lambda: play(limited, name))
    assert limited.process is not None
    assert limited.process.poll() is None


def requests(name: str) -> list[bytes]:
    """Return requests of each kind, as they stand on the wire."""

    def post(path: str, body: dict[str, Any] | str) -> bytes:
        return post_bytes(path, (body if isinstance(body, str) else json.dumps(body)).encode())

    push = f"SELECT * FROM {name} EMIT CHANGES;"
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    asked = "%7B%22ksql%22%3A%22" + push.replace(" ", "%20") + "%22%7D"
    return [
        post("/ksql", {"ksql": "SHOW TOPICS;"}),
        post("/ksql", {"ksql": f"INSERT INTO {name} VALUES ('x', 1);"}),
        post("/query", {"ksql": push, "streamsProperties": EARLIEST}),
        post("/query", {"ksql": f"SELECT * FROM {name};"}),
        post("/query-stream", {"sql": push, "properties": EARLIEST}),
        post("/query-stream", {"sql": f"PRINT '{name}' FROM BEGINNING;"}),
        post("/inserts-stream", json.dumps({"target": name}) + '\n{"ID": "y", "N": 2}\n{"ID": "z"'),
        post("/close-query", {"queryId": "none"}),
        f"GET /ws/query?request={asked} HTTP/1.1\r\nHost: l\r\n{upgrade}{'A' * 22}==\r\n\r\n".encode(),
        b"GET /clusterStatus HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ]


def abort(port: int, request: bytes, rng: random.Random) -> None:
    """Send a request, whole or a part of it or with bytes changed, read a little or nothing, and go without a word."""
    data = bytearray(request)
    if rng.random() < 0.4:
        del data[rng.randrange(len(data)) :]
    if rng.random() < 0.3:
        for _ in range(rng.randrange(1, 6)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
    connection = connect(port)
    try:
        connection.settimeout(rng.choice([0.01, 0.2]))
        connection.sendall(data)
        if rng.random() < 0.6:
            connection.recv(rng.choice([1, 20, 4000]))
    except OSError:
        pass  # the server may be the first to go, or have nothing to say to this
    finally:
        vanish(connection)


def test_aborted_connections_do_not_hurt(limited: EngineProcess, lab_services: LabServices) -> None:
    name = stream(limited)
    usage = Usage(limited, lab_services)
    rng = random.Random(20)
    kinds = requests(name)
    usage.leaves_nothing(lambda: [abort(limited.port, rng.choice(kinds), rng) for _ in range(200)])
    assert limited.process is not None
    assert limited.process.poll() is None
    assert limited.get("/healthcheck")["isHealthy"]
    assert ["a", 1] in limited.rows(f"SELECT * FROM {name};")
    assert b"Traceback" not in limited.log.read_bytes()
