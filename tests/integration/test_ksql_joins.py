"""Joins against a real broker: over several partitions, through a crash, and with topics that do not fit."""

# ruff: noqa: S608 - statements are made of test names
from __future__ import annotations

import json
import signal
import urllib.error
import uuid
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from engine_process import EngineProcess
from test_ksql_engine import create_topic

from tests.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def name() -> str:
    return f"T{uuid.uuid4().hex[:8]}".upper()


def produce(engine: EngineProcess, topic: str, records: list[tuple[str, dict[str, Any], int]]) -> None:
    producer = Producer({"bootstrap.servers": engine.bootstrap, "partitioner": "murmur2_random"})
    for key, value, time in records:
        producer.produce(topic, key=key, value=json.dumps(value), timestamp=time)
    producer.flush(10)


def partitions_by_key(engine: EngineProcess, topic: str, count: int, expected: int) -> dict[bytes, set[int]]:
    """Which partitions hold a key without its last eight bytes, once there are `expected` records."""
    consumer = Consumer({"bootstrap.servers": engine.bootstrap, "group.id": "joins-reader"})
    consumer.assign([TopicPartition(topic, part, 0) for part in range(count)])
    records = consumer.consume(expected + 50, timeout=3)
    consumer.close()
    found: dict[bytes, set[int]] = {}
    for record in records:
        found.setdefault(bytes(record.key())[:-8], set()).add(record.partition())
    return found if len(records) >= expected else {}


def test_a_crash_between_both_sides_of_joins(engine: EngineProcess, name: str) -> None:
    for topic in ("orders", "payments", "customers"):
        create_topic(engine.bootstrap, f"{name}-{topic}", 3)
    engine.ksql(
        f"CREATE STREAM {name}_O (id VARCHAR KEY, customer VARCHAR) "
        f"WITH (KAFKA_TOPIC='{name}-orders', VALUE_FORMAT='JSON');"
        f"CREATE STREAM {name}_P (id VARCHAR KEY, cents INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}-payments', VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_C (id VARCHAR PRIMARY KEY, land VARCHAR) "
        f"WITH (KAFKA_TOPIC='{name}-customers', VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_OF AS SELECT o.id, LATEST_BY_OFFSET(customer) AS customer FROM {name}_O o GROUP BY o.id;"
        f"CREATE STREAM {name}_PAID AS SELECT o.id, customer, cents FROM {name}_O o "
        f"JOIN {name}_P p WITHIN 1 MINUTE ON o.id = p.id;"
        f"CREATE TABLE {name}_SUM AS SELECT customer, SUM(cents) AS cents FROM {name}_PAID GROUP BY customer;"
        f"CREATE TABLE {name}_LANDS AS SELECT o.id AS id, land FROM {name}_OF o JOIN {name}_C c ON o.customer = c.id;"
    )
    orders = [f"o{number}" for number in range(60)]
    produce(engine, f"{name}-orders", [(key, {"customer": f"c{len(key)}"}, 1_000_000) for key in orders])
    eventually(lambda: len(engine.rows(f"SELECT * FROM {name}_OF;")) == len(orders))
    engine.end(signal.SIGKILL)
    engine.start()
    engine.wait_ready()
    produce(engine, f"{name}-payments", [(key, {"cents": 1}, 1_030_000) for key in orders])
    produce(engine, f"{name}-customers", [(key, {"land": "AT"}, 1_000_000) for key in ("c2", "c3")])
    eventually(lambda: sorted(engine.rows(f"SELECT * FROM {name}_SUM;")) == [["c2", 10], ["c3", 50]])
    eventually(lambda: len(engine.rows(f"SELECT * FROM {name}_LANDS WHERE land = 'AT';")) == len(orders))


def test_topics_of_a_join_have_as_many_partitions(engine: EngineProcess, name: str) -> None:
    for side, count in (("L", 2), ("R", 3)):
        create_topic(engine.bootstrap, f"{name}-{side}", count)
        engine.ksql(
            f"CREATE STREAM {name}_{side} (id VARCHAR KEY, v INTEGER) "
            f"WITH (KAFKA_TOPIC='{name}-{side}', VALUE_FORMAT='JSON');"
        )
    with pytest.raises(urllib.error.HTTPError) as refused:
        engine.ksql(
            f"CREATE STREAM {name}_X AS SELECT l.id, l.v FROM {name}_L l "
            f"JOIN {name}_R r WITHIN 1 SECOND ON l.id = r.id;"
        )
    assert f"`{name}_R` partitions = 3" in json.loads(refused.value.read())["message"]


def test_the_windows_of_a_key_are_written_to_one_partition(engine: EngineProcess, name: str) -> None:
    create_topic(engine.bootstrap, f"{name}-s", 4)
    engine.ksql(
        f"CREATE STREAM {name} (id VARCHAR KEY, v INTEGER) WITH (KAFKA_TOPIC='{name}-s', VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_N AS SELECT id, COUNT(*) AS n FROM {name} WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY id;"
    )
    keys = [f"k{number}" for number in range(8)]
    produce(engine, f"{name}-s", [(key, {"v": 1}, 1000 * second) for second in range(1, 11) for key in keys])
    found = eventually(lambda: partitions_by_key(engine, f"{name}_N", 4, 80))
    assert sorted(found) == sorted(key.encode() for key in keys)
    assert all(len(parts) == 1 for parts in found.values())
