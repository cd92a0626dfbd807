"""The engine as a process, against a real broker and registry: statements, faults, crashes."""

# ruff: noqa: S608, S310 - statements are made of test names, addresses are local
from __future__ import annotations

import http.server
import io
import json
import os
import signal
import struct
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from engine_process import EngineProcess

from tests.waiting import eventually

pytestmark = pytest.mark.integration

SCHEMA = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "shop", "type": "string"},
        {"name": "cents", "type": "long"},
    ],
}


@pytest.fixture
def name() -> str:
    return f"T{uuid.uuid4().hex[:8]}".upper()


def create_topic(bootstrap: str, topic: str, partitions: int = 2) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
    eventually(lambda: len(admin.list_topics(topic, timeout=5).topics[topic].partitions) == partitions)


def register(url: str, subject: str, schema: dict[str, Any]) -> int:
    request = urllib.request.Request(
        f"{url}/subjects/{subject}/versions",
        data=json.dumps({"schema": json.dumps(schema)}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(json.loads(answer.read())["id"])


def framed(schema_id: int, value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, schema_id))
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), value)
    return out.getvalue()


def sales_table(engine: EngineProcess, topic: str, name: str) -> None:
    engine.ksql(
        f"CREATE STREAM {name} (k VARCHAR KEY, id VARCHAR, shop VARCHAR, cents BIGINT) "
        f"WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='AVRO');"
        f"CREATE TABLE {name}_BY_SHOP WITH (VALUE_FORMAT='JSON') AS "
        f"SELECT shop, COUNT(*) AS n, SUM(cents) AS cents FROM {name} GROUP BY shop;"
    )


def totals(engine: EngineProcess, name: str) -> dict[str, tuple[int, int]]:
    return {shop: (n, cents) for shop, n, cents in engine.rows(f"SELECT shop, n, cents FROM {name}_BY_SHOP;")}


def test_statements_rows_and_pushed_changes(engine: EngineProcess, name: str) -> None:
    created = engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_SUM AS SELECT id, SUM(n) AS total FROM {name} GROUP BY id;"
    )
    assert [one["commandStatus"]["status"] for one in created] == ["SUCCESS", "SUCCESS"]
    engine.ksql(f"INSERT INTO {name} VALUES ('a', 1); INSERT INTO {name} VALUES ('a', 2);")
    eventually(lambda: engine.rows(f"SELECT * FROM {name}_SUM WHERE id = 'a';") == [["a", 3]])
    pushed = engine.post("/query", {"ksql": f"SELECT n FROM {name} EMIT CHANGES LIMIT 2;", "streamsProperties": {}})
    assert pushed.endswith("]\n")
    assert [entry["row"]["columns"] for entry in json.loads(pushed)[1:-1]] == [[1], [2]]
    described = engine.ksql(f"DESCRIBE {name}_SUM EXTENDED;")[0]["sourceDescription"]
    assert described["statement"].startswith(f"CREATE TABLE {name}_SUM AS SELECT")
    query_id = described["writeQueries"][0]["id"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        engine.ksql(f"DROP STREAM {name};")
    assert query_id in json.loads(refused.value.read())["message"]
    engine.ksql(f"DROP TABLE {name}_SUM DELETE TOPIC; DROP STREAM {name} DELETE TOPIC;")
    assert engine.ksql("SHOW QUERIES;")[0]["queries"] == []


def test_replacing_a_query_keeps_its_id_and_its_state(engine: EngineProcess, name: str) -> None:
    engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        f"CREATE STREAM {name}_BIG AS SELECT id, n FROM {name} WHERE n > 10;"
    )
    before = engine.ksql("SHOW QUERIES;")[0]["queries"][0]["id"]
    engine.ksql(f"CREATE OR REPLACE STREAM {name}_BIG AS SELECT id, n, n * 2 AS twice FROM {name} WHERE n > 5;")
    assert engine.ksql("SHOW QUERIES;")[0]["queries"][0]["id"] == before
    with pytest.raises(urllib.error.HTTPError) as refused:
        engine.ksql(f"CREATE OR REPLACE STREAM {name}_BIG AS SELECT id, n * 2 AS twice FROM {name};")
    assert "Cannot upgrade data source" in json.loads(refused.value.read())["message"]


def test_what_cannot_be_read_is_skipped_and_logged(engine: EngineProcess, name: str) -> None:
    topic = f"{name}-sales"
    create_topic(engine.bootstrap, topic)
    schema_id = register(engine.registry_url, f"{topic}-value", SCHEMA)
    sales_table(engine, topic, name)
    good = framed(schema_id, {"id": "1", "shop": "north", "cents": 100})
    bad = [b"not framed", framed(987_654, {"id": "1", "shop": "n", "cents": 1}), good[:-3], os.urandom(40), b""]
    producer = Producer({"bootstrap.servers": engine.bootstrap})
    for value in [good, *bad, good]:
        producer.produce(topic, key="k", value=value)
    producer.flush(10)
    eventually(lambda: totals(engine, name) == {"north": (2, 200)})
    entries = eventually(lambda: logged(engine, len(bad)))
    assert {entry["message"]["deserializationError"]["topic"] for entry in entries} == {topic}


def logged(engine: EngineProcess, count: int) -> list[dict[str, Any]]:
    """The entries of the processing log, once there are `count`."""
    topic = f"t{engine.port}_ksql_processing_log"
    consumer = Consumer({"bootstrap.servers": engine.bootstrap, "group.id": "log-reader"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    records = consumer.consume(count + 5, timeout=3)
    consumer.close()
    return [json.loads(record.value()) for record in records] if len(records) >= count else []


class SwitchableRegistry:
    """A way to the registry that can be closed: while `closed`, every request is answered with 503."""

    def __init__(self, url: str) -> None:
        self.closed = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.forward(None)

            def do_POST(self) -> None:
                self.forward(self.rfile.read(int(self.headers["Content-Length"])))

            def forward(self, body: bytes | None) -> None:
                status, answer = (503, b"{}") if outer.closed else ask(url + self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_args: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def ask(url: str, body: bytes | None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_an_absent_registry_loses_nothing(lab_services: Any, tmp_path: Path, name: str) -> None:
    registry = SwitchableRegistry(lab_services.registry_url)
    engine = EngineProcess(lab_services.bootstrap, registry.url, tmp_path)
    engine.start()
    try:
        engine.wait_ready()
        topic = f"{name}-sales"
        create_topic(engine.bootstrap, topic)
        sales_table(engine, topic, name)
        schema_id = register(lab_services.registry_url, f"{topic}-value", SCHEMA)
        registry.closed = True
        producer = Producer({"bootstrap.servers": engine.bootstrap})
        producer.produce(topic, key="k", value=framed(schema_id, {"id": "1", "shop": "north", "cents": 100}))
        producer.flush(10)
        eventually(lambda: engine.ksql("SHOW QUERIES;")[0]["queries"][0]["state"] == "ERROR")
        registry.closed = False
        eventually(lambda: totals(engine, name) == {"north": (1, 100)})
        assert logged(engine, 1) == []
    finally:
        engine.end(signal.SIGKILL)
        registry.server.shutdown()


def test_killed_again_and_again_doubles_and_loses_nothing(engine: EngineProcess, name: str) -> None:
    topic = f"{name}-sales"
    create_topic(engine.bootstrap, topic)
    schema_id = register(engine.registry_url, f"{topic}-value", SCHEMA)
    sales_table(engine, topic, name)
    engine.ksql(f"CREATE TABLE {name}_ALL AS SELECT n, COUNT(*) AS shops FROM {name}_BY_SHOP GROUP BY n;")
    producer = Producer({"bootstrap.servers": engine.bootstrap, "linger.ms": 5})
    expected: dict[str, tuple[int, int]] = {}
    for turn in range(4):
        for number in range(1500):
            shop, cents = f"shop-{number % 37}", number % 113
            n, total = expected.get(shop, (0, 0))
            expected[shop] = (n + 1, total + cents)
            producer.produce(topic, key=shop, value=framed(schema_id, {"id": "x", "shop": shop, "cents": cents}))
        producer.flush(20)
        if turn < 3:
            eventually(lambda: totals(engine, name) != {})
            engine.end(signal.SIGKILL)
            engine.start()
            engine.wait_ready()
    eventually(lambda: totals(engine, name) == expected)
    counts: dict[int, int] = {}
    for n, _ in expected.values():
        counts[n] = counts.get(n, 0) + 1
    final = f"SELECT n, shops FROM {name}_ALL WHERE shops > 0;"
    eventually(lambda: dict(map(tuple, engine.rows(final))) == counts)  # type: ignore[arg-type]  # pairs of integers


def test_lag_is_visible_to_ordinary_tools(engine: EngineProcess, name: str) -> None:
    created = engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        f"CREATE STREAM {name}_COPY AS SELECT * FROM {name};"
    )
    engine.ksql(f"INSERT INTO {name} VALUES ('a', 1);")
    group = f"_confluent-ksql-t{engine.port}_query_{created[1]['commandStatus']['queryId']}"
    admin = AdminClient({"bootstrap.servers": engine.bootstrap})

    def committed() -> bool:
        request = [ConsumerGroupTopicPartitions(group)]
        found = admin.list_consumer_group_offsets(request)[group].result(10).topic_partitions
        return [(place.topic, place.offset) for place in found] == [(name, 1)]

    eventually(committed)


def test_a_graceful_stop_is_quick_and_a_restart_brings_everything_back(engine: EngineProcess, name: str) -> None:
    engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_N AS SELECT id, COUNT(*) AS n FROM {name} GROUP BY id;"
        f"INSERT INTO {name} VALUES ('a', 1);"
    )
    eventually(lambda: engine.rows(f"SELECT n FROM {name}_N;") == [[1]])
    began = time.monotonic()
    assert engine.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    engine.start()
    engine.wait_ready()
    assert engine.rows(f"SELECT n FROM {name}_N;") == [[1]]
    engine.ksql(f"INSERT INTO {name} VALUES ('a', 1);")
    eventually(lambda: engine.rows(f"SELECT n FROM {name}_N;") == [[2]])


def test_state_of_another_cluster_is_refused(engine: EngineProcess) -> None:
    engine.end(signal.SIGTERM)
    known = engine.folder / "state" / "cluster_id"
    real = known.read_text().strip()
    known.write_text("some-other-cluster\n")
    engine.start()
    assert engine.process is not None
    assert engine.process.wait(20) == 1
    message = engine.log.read_text()
    assert "some-other-cluster" in message
    assert real in message
    assert "make clear" in message
