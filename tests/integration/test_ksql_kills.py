"""The engine's server and workers are killed at random moments under load: final tables equal a recomputation."""

# ruff: noqa: S608 - statements are made of test names
from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from engine_process import EngineProcess, kill_server, kill_worker, workers
from test_ksql_engine import create_topic

from tests.waiting import eventually

pytestmark = pytest.mark.integration

ROUNDS = 6
SHOPS = 40


@pytest.fixture
def name() -> str:
    return f"K{time.time_ns() % 10**9}"


class Load(threading.Thread):
    """Orders produced until stopped, each twice; `orders` are those that count once."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.orders: list[tuple[str, str, int]] = []
        self.ended = threading.Event()
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True})
        self._topic = topic

    def run(self) -> None:
        rng = random.Random(7)
        while not self.ended.wait(0.01):
            for _ in range(10):
                order = (f"o{len(self.orders)}", f"shop-{rng.randrange(SHOPS)}", rng.randrange(1000))
                self.orders.append(order)
                self._send(order)
                self._send(rng.choice(self.orders))
        assert self._producer.flush(30) == 0

    def _send(self, order: tuple[str, str, int]) -> None:
        order_id, shop, cents = order
        value = json.dumps({"ORDER_ID": order_id, "SHOP": shop, "CENTS": cents})
        self._producer.produce(self._topic, key=shop, value=value)
        self._producer.poll(0)


def create(engine: EngineProcess, name: str) -> None:
    """Orders without their copies, sums by shop, how many shops have which count, and a join of both."""
    engine.ksql(
        f"CREATE STREAM {name} (k VARCHAR KEY, order_id VARCHAR, shop VARCHAR, cents BIGINT) "
        f"WITH (KAFKA_TOPIC='{name}', VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_BY_ID AS SELECT order_id, EARLIEST_BY_OFFSET(shop) AS shop, "
        f"EARLIEST_BY_OFFSET(cents) AS cents FROM {name} GROUP BY order_id;"
        f"CREATE TABLE {name}_SUMS AS SELECT shop, COUNT(*) AS n, SUM(cents) AS cents FROM {name}_BY_ID GROUP BY shop;"
        f"CREATE TABLE {name}_SEEN AS SELECT shop, COUNT(*) AS n, MAX(cents) AS most FROM {name} GROUP BY shop;"
        f"CREATE TABLE {name}_BOTH AS SELECT s.shop AS shop, s.n AS n, s.cents AS cents, m.most AS most "
        f"FROM {name}_SUMS s JOIN {name}_SEEN m ON s.shop = m.shop;"
        f"CREATE TABLE {name}_SIZES AS SELECT n, COUNT(*) AS shops FROM {name}_SUMS GROUP BY n;"
    )


def test_killed_under_load_the_tables_equal_a_recomputation(engine: EngineProcess, name: str) -> None:
    create_topic(engine.bootstrap, name, 3)
    create(engine, name)
    load, rng = Load(engine.bootstrap, name), random.Random()
    load.start()
    kills: list[Callable[[], None]] = [lambda: kill_server(engine), lambda: kill_worker(engine, rng)]
    for number in range(ROUNDS):
        time.sleep(rng.uniform(0.2, 1.5))
        kills[number % 2]()
    load.ended.set()
    load.join(60)
    expected = recomputed(load.orders)
    eventually(lambda: table(engine, f"{name}_BOTH", "shop, n, cents, most") == expected, 60)
    sizes = Counter(n for n, _, _ in expected.values())
    eventually(lambda: table(engine, f"{name}_SIZES", "n, shops", "shops > 0") == {n: (c,) for n, c in sizes.items()})
    eventually(lambda: {one["state"] for one in engine.ksql("SHOW QUERIES;")[0]["queries"]} == {"RUNNING"})


def recomputed(orders: list[tuple[str, str, int]]) -> dict[Any, tuple[Any, ...]]:
    found: dict[Any, tuple[Any, ...]] = {}
    for _, shop, cents in orders:
        n, total, most = found.get(shop, (0, 0, 0))
        found[shop] = (n + 1, total + cents, max(most, cents))
    return found


def table(engine: EngineProcess, name: str, columns: str, where: str = "") -> dict[Any, tuple[Any, ...]]:
    condition = f" WHERE {where}" if where else ""
    return {key: tuple(rest) for key, *rest in engine.rows(f"SELECT {columns} FROM {name}{condition};")}


def test_workers_can_be_left_out(lab_services: Any, tmp_path: Any, name: str) -> None:
    engine = EngineProcess(lab_services.bootstrap, lab_services.registry_url, tmp_path, "--workers", "0")
    engine.start()
    try:
        engine.wait_ready()
        assert workers(engine) == []
        engine.ksql(
            f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, "
            f"VALUE_FORMAT='JSON'); CREATE TABLE {name}_N AS SELECT id, SUM(n) AS n FROM {name} GROUP BY id;"
            f"INSERT INTO {name} VALUES ('a', 4);"
        )
        eventually(lambda: engine.rows(f"SELECT n FROM {name}_N;") == [[4]])
    finally:
        engine.end(signal.SIGKILL)
