"""Windows in a running engine: topics, pull queries in order, and state that goes on after a restart."""

from __future__ import annotations

import struct
from pathlib import Path

from engine_world import engine, execute, pulled

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.memory_broker import MemoryBroker
from tests.waiting import eventually

SOURCE = "CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
EARLIEST = {"auto.offset.reset": "earliest"}
BOUNDS = "SELECT WINDOWSTART, WINDOWEND, n FROM t WHERE k = 'a';"


def _give(broker: MemoryBroker, *records: tuple[str, int, int]) -> None:
    for key, value, time in records:
        broker.memory.append(Message("s", key.encode(), f'{{"V": {value}}}'.encode(), time))


def test_windows_go_on_after_a_restart(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    table = "CREATE TABLE t AS SELECT k, SUM(v) AS n FROM s WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k;"
    with engine(tmp_path, broker, registry) as running:
        execute(running, SOURCE + table, **EARLIEST)
        _give(broker, ("a", 1, 12_000), ("b", 5, 3_000), ("a", 2, 4_000))
        assert pulled(running, BOUNDS, 2) == [(0, 10_000, 2), (10_000, 20_000, 1)]
    _give(broker, ("a", 3, 9_000))
    with engine(tmp_path, broker, registry) as running:
        _give(broker, ("a", 1, 21_000))
        assert pulled(running, BOUNDS, 3) == [(0, 10_000, 5), (10_000, 20_000, 1), (20_000, 30_000, 1)]


def test_late_records_are_shown(tmp_path: Path) -> None:
    broker = MemoryBroker()
    window = "WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS)"
    table = " ".join(("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s", window, "GROUP BY k;"))
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, SOURCE + table, **EARLIEST)
        _give(broker, ("a", 1, 1_000), ("a", 1, 31_000), ("a", 1, 2_000), ("a", 1, 32_000))
        eventually(lambda: pulled(running, BOUNDS, 1) == [(30_000, 40_000, 2)])
        shown = execute(running, "DESCRIBE t EXTENDED;")[0]["sourceDescription"]["statistics"]
        assert " ".join(shown.split()) == "CTAS_T_1: consumer-total-messages: 4 late-records: 1"
        assert execute(running, "DESCRIBE t;")[0]["sourceDescription"]["statistics"] == ""


def test_sessions_that_become_one_are_one_row(tmp_path: Path) -> None:
    broker = MemoryBroker()
    table = "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s WINDOW SESSION (5 SECONDS) GROUP BY k;"
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, SOURCE + table, **EARLIEST)
        _give(broker, ("a", 1, 1_000), ("a", 1, 9_000))
        assert pulled(running, BOUNDS, 2) == [(1_000, 1_000, 1), (9_000, 9_000, 1)]
        _give(broker, ("a", 1, 5_000), ("a", 1, 60_000))
        assert pulled(running, "SELECT n FROM t WHERE k = 'a' AND WINDOWSTART = 60000;", 1) == [(1,)]
        assert pulled(running, BOUNDS, 2) == [(1_000, 9_000, 3), (60_000, 60_000, 1)]


def test_a_windowed_topic_has_kafkas_keys(tmp_path: Path) -> None:
    broker = MemoryBroker()
    window = "WINDOW HOPPING (SIZE 4 SECONDS, ADVANCE BY 2 SECONDS, RETENTION 2 DAYS)"
    table = " ".join(("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s", window, "GROUP BY k;"))
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, SOURCE + table, **EARLIEST)
        _give(broker, ("a", 1, 5_000))
        assert pulled(running, BOUNDS, 2) == [(2_000, 6_000, 1), (4_000, 8_000, 1)]
        written = [message.key for log in broker.memory.partitions("T") for message in log]
    assert written == [b"a" + struct.pack(">q", start) for start in (2_000, 4_000)]
