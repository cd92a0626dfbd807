"""processing.guarantee=exactly_once_v2 over real Kafka: kills at random moments under load leave each output once."""

# ruff: noqa: S608 - statements are made of test names
from __future__ import annotations

import json
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from engine_process import EngineProcess, kill_server, kill_worker, workers
from test_ksql_engine import create_topic

from tests.waiting import eventually

pytestmark = pytest.mark.integration

ROUNDS = 6
KEYS = 20
PARTITIONS = 3
EXACTLY = {"processing.guarantee": "exactly_once_v2", "cache.max.bytes.buffering": "0"}


@pytest.fixture
def name() -> str:
    return f"X{time.time_ns() % 10**9}"


class Load(threading.Thread):
    """Records `{ID, N}` by key, produced until stopped; `numbers` are those of each key in order."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.numbers: dict[str, list[int]] = {f"k{number}": [] for number in range(KEYS)}
        self.ended = threading.Event()
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True})
        self._topic = topic
        self.count = 0

    def run(self) -> None:
        rng = random.Random(11)
        while not self.ended.wait(0.01):
            for _ in range(10):
                self.send(rng.choice(list(self.numbers)), rng.randrange(1000))
        assert self._producer.flush(30) == 0

    def send(self, key: str, number: int) -> None:
        self._producer.produce(self._topic, key=key, value=json.dumps({"ID": self.count, "N": number}))
        self._producer.poll(0)
        self.numbers[key].append(number)
        self.count += 1

    def sums(self) -> dict[str, list[tuple[int, int]]]:
        """How many numbers and their sum, after each record of each key."""
        return {
            key: [(count + 1, sum(numbers[: count + 1])) for count in range(len(numbers))]
            for key, numbers in self.numbers.items()
        }


def create(engine: EngineProcess, name: str, **properties: str) -> None:
    """A copy of all records, then sums by key of the copy, so that one query in transactions reads another."""
    engine.ksql(
        f"CREATE STREAM {name} (k VARCHAR KEY, id INTEGER, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', VALUE_FORMAT='JSON');"
        f"CREATE STREAM {name}_COPY AS SELECT k, id, n FROM {name};"
        f"CREATE TABLE {name}_SUMS AS SELECT k, COUNT(*) AS c, SUM(n) AS total FROM {name}_COPY GROUP BY k;",
        **(properties or EXACTLY),
    )


def committed(bootstrap: str, topic: str) -> Iterator[tuple[str, dict[str, int]]]:
    """What a reader of committed records finds: keys and values, each partition in its order."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reads-{topic}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    left = PARTITIONS
    try:
        while left:
            record = reader.poll(10)
            assert record is not None
            if record.error():
                left -= 1
            else:
                yield (record.key() or b"").decode(), json.loads(record.value() or b"")
    finally:
        reader.close()


def lag(engine: EngineProcess) -> int | None:
    """Offsets between what the queries' groups committed and the ends; None before all have committed."""
    admin = AdminClient({"bootstrap.servers": engine.bootstrap})
    reader = Consumer({"bootstrap.servers": engine.bootstrap, "group.id": "lag", "isolation.level": "read_committed"})
    behind = 0
    try:
        for query in engine.ksql("SHOW QUERIES;")[0]["queries"]:
            group = f"_confluent-ksql-t{engine.port}_query_{query['id']}"
            asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
            places = asked[group].result().topic_partitions
            if not places:
                return None
            behind += sum(reader.get_watermark_offsets(place, timeout=10)[1] - place.offset for place in places)
    finally:
        reader.close()
    return behind


def test_killed_under_load_each_output_is_there_once(engine: EngineProcess, name: str) -> None:
    create_topic(engine.bootstrap, name, PARTITIONS)
    create(engine, name)
    load, rng = Load(engine.bootstrap, name), random.Random()
    load.start()
    for number in range(ROUNDS):
        time.sleep(rng.uniform(0.2, 1.5))
        if number % 2:
            kill_worker(engine, rng)
        else:
            kill_server(engine)
    load.ended.set()
    load.join(60)
    eventually(lambda: sum(row[0] for row in engine.rows(f"SELECT c FROM {name}_SUMS;")) >= load.count, 60)
    copied = [value["ID"] for _, value in committed(engine.bootstrap, f"{name}_COPY")]
    assert len(copied) == load.count
    assert set(copied) == set(range(load.count))
    rows: dict[str, list[tuple[int, int]]] = {key: [] for key in load.numbers}
    for key, value in committed(engine.bootstrap, f"{name}_SUMS"):
        rows[key].append((value["C"], value["TOTAL"]))
    assert rows == load.sums()
    eventually(lambda: lag(engine) == 0)
    eventually(lambda: {one["state"] for one in engine.ksql("SHOW QUERIES;")[0]["queries"]} == {"RUNNING"})
    assert len(engine.rows(f"SELECT id FROM {name}_COPY;")) == load.count, "a pull query ends behind control records"


def test_lost_state_is_computed_again_without_output(engine: EngineProcess, name: str) -> None:
    """Between the records lie control records, also before where the group stands."""
    create_topic(engine.bootstrap, name, PARTITIONS)
    create(engine, name)
    load = Load(engine.bootstrap, name)
    for number in range(40):
        load.send(f"k{number % KEYS}", number)
        eventually(lambda n=number: sum(row[0] for row in engine.rows(f"SELECT c FROM {name}_SUMS;")) > n or n % 8)  # type: ignore[misc]  # mypy wants a plain lambda
    eventually(lambda: lag(engine) == 0)
    left = workers(engine)
    engine.end(signal.SIGKILL)
    for process in left:
        process.wait(5)
    shutil.rmtree(engine.folder / "state" / "queries")
    engine.start()
    engine.wait_ready()
    load.send("k0", 1000)
    rows = eventually(lambda: totals(engine, name, load.count))
    assert rows == {key: sums[-1] for key, sums in load.sums().items()}
    assert len(list(committed(engine.bootstrap, f"{name}_SUMS"))) == load.count
    assert len(list(committed(engine.bootstrap, f"{name}_COPY"))) == load.count


def totals(engine: EngineProcess, name: str, count: int) -> dict[str, tuple[int, int]] | None:
    rows = {key: (c, total) for key, c, total in engine.rows(f"SELECT k, c, total FROM {name}_SUMS;")}
    return rows if sum(c for c, _ in rows.values()) >= count else None


def test_an_engine_that_was_fenced_writes_no_more(engine: EngineProcess, name: str, tmp_path: Path) -> None:
    """Another engine with the same service id takes its queries over."""
    create_topic(engine.bootstrap, name, PARTITIONS)
    create(engine, name)
    load = Load(engine.bootstrap, name)
    load.send("k0", 1)
    eventually(lambda: totals(engine, name, 1))
    folder = tmp_path / "other"
    folder.mkdir()
    other = EngineProcess(engine.bootstrap, engine.registry_url, folder, "--service-id", f"t{engine.port}_")
    other.start()
    try:
        other.wait_ready()
        create(other, name)
        eventually(lambda: totals(other, name, 1))
        load.send("k0", 2)
        eventually(lambda: totals(other, name, 2))
        fenced = eventually(
            lambda: [one for one in states(engine) if one["state"] == "ERROR"] if states(engine) else None
        )
        assert "taken over" in fenced[0]["queryErrors"][0]["errorMessage"]
        load.send("k0", 3)
        eventually(lambda: totals(other, name, 3))
        assert {one["state"] for one in states(other)} == {"RUNNING"}
        assert [value["TOTAL"] for _, value in committed(engine.bootstrap, f"{name}_SUMS")] == [1, 3, 6]
    finally:
        other.end(signal.SIGKILL)


def states(engine: EngineProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.ksql("SHOW QUERIES;")[0]["queries"]
    return found


def test_a_broker_that_starts_again_repeats_nothing(engine: EngineProcess, lab_services: Any, name: str) -> None:
    create_topic(engine.bootstrap, name, PARTITIONS)
    create(engine, name)
    load = Load(engine.bootstrap, name)
    load.start()
    time.sleep(1)
    lab_services.lab.restart("kafka", print)
    time.sleep(1)
    load.ended.set()
    load.join(60)
    eventually(lambda: totals(engine, name, load.count), 60)
    assert sorted(value["ID"] for _, value in committed(engine.bootstrap, f"{name}_COPY")) == list(range(load.count))
