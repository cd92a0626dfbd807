"""ksql.fail.on.deserialization.error: a record that cannot be read is left out, or stops its query."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from engine_world import engine, execute, until

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.memory_broker import MemoryBroker

STATEMENTS = (
    "CREATE STREAM s (id INTEGER KEY, n INTEGER) WITH (KAFKA_TOPIC='s', PARTITIONS=1, KEY_FORMAT='JSON', "
    "VALUE_FORMAT='JSON'); CREATE STREAM o AS SELECT id, n FROM s;"
)
STRICT = {"ksql.fail.on.deserialization.error": "true", "processing.guarantee": "exactly_once_v2"}


def written(broker: MemoryBroker) -> list[Any]:
    return [json.loads(one.value or b"null")["N"] for one in broker.memory.partitions("O")[0]]


@pytest.mark.parametrize(("key", "value"), [(b"1", b"no JSON"), (b"no JSON", b'{"N": 2}')])
@pytest.mark.parametrize("more", [{}, {"ksql.fail.on.deserialization.error": "false"}])
def test_it_is_left_out(key: bytes, value: bytes, more: dict[str, str], tmp_path: Path) -> None:
    broker = MemoryBroker()
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, STATEMENTS, **more)
        for record in (b"1", b'{"N": 1}'), (key, value), (b"1", b'{"N": 3}'):
            broker.memory.append(Message("s", *record, 1))
        assert until(lambda: written(broker) == [1, 3])
        assert {task.status for task in running.tasks.values()} == {"RUNNING"}


@pytest.mark.parametrize(("key", "value"), [(b"1", b"no JSON"), (b"no JSON", b'{"N": 2}')])
def test_it_stops_a_strict_query(key: bytes, value: bytes, tmp_path: Path) -> None:
    broker = MemoryBroker()
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, STATEMENTS, **STRICT)
        broker.memory.append(Message("s", b"1", b'{"N": 1}', 1))
        assert until(lambda: written(broker) == [1])
        broker.memory.append(Message("s", key, value, 1))
        broker.memory.append(Message("s", b"1", b'{"N": 3}', 1))
        (task,) = running.tasks.values()
        assert until(lambda: task.status == "ERROR")
        (shown,) = execute(running, "SHOW QUERIES;")[0]["queries"]
        assert shown["state"] == "ERROR"
        assert "topic s, partition 0, offset 1 cannot be read" in shown["queryErrors"][0]["errorMessage"]
        (told,) = execute(running, f"EXPLAIN {shown['id']};")
        assert told["queryDescription"]["queryErrors"] == shown["queryErrors"]
        tries = time.monotonic() + 1.5
        assert not until(lambda: time.monotonic() > tries and written(broker) != [1], 1.6)
        log = broker.memory.partitions(running.settings.processing_log_topic)[0]
        assert len(log) == 1, "however often it is tried"
    with engine(tmp_path, broker, MemoryRegistry()) as again:
        (task,) = again.tasks.values()
        assert until(lambda: task.status == "ERROR"), "nothing of it was committed"
        execute(again, STATEMENTS.partition(";")[2].replace("CREATE", "CREATE OR REPLACE"))
        assert until(lambda: written(broker) == [1, 3]), "left out, now that it may be"
