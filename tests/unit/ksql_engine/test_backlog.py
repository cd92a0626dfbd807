"""A query that is behind puts the changes of several batches into one commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engine_world import engine, execute, pulled

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.pace import BATCHES_IN_HAND
from ksql_engine.state.rocks import Offsets

SOURCE = "CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
TABLE = "CREATE TABLE t AS SELECT k, SUM(v) AS n FROM s GROUP BY k;"
RECORDS = 23
WHOLE = "SELECT k, n FROM t WHERE n = 253;"


class OneByOne:
    """A feed whose batches hold one record and are full as long as there are more."""

    def __init__(self, feed: InputFeed) -> None:
        self._feed = feed
        self._waiting: list[Message] = []
        self.positions: Offsets = {}
        self.behind = False

    def start(self, offsets: Offsets, from_latest: Sequence[str]) -> None:
        self._feed.start(offsets, from_latest)
        self.positions = dict(self._feed.positions)

    def ends(self) -> Offsets:
        return self._feed.ends()

    def batch(self, wait: float, not_before: float) -> list[Message]:
        self._waiting = self._waiting or self._feed.batch(wait, not_before)
        found, self._waiting = self._waiting[:1], self._waiting[1:]
        self.behind = bool(self._waiting)
        self.positions.update({(each.topic, each.partition): each.offset + 1 for each in found})
        return found

    def show_offsets(self) -> None:
        self._feed.show_offsets()

    def close(self) -> None:
        self._feed.close()


class SmallBatches(MemoryBroker):
    """Topics in memory, read one record at a time."""

    def feed(self, group_id: str, topics: Sequence[str]) -> InputFeed:
        return OneByOne(super().feed(group_id, topics))


def test_a_backlog_is_committed_in_few_steps_and_completely(tmp_path: Path) -> None:
    broker = SmallBatches()
    assert RECORDS == 2 * BATCHES_IN_HAND + 3
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        execute(running, SOURCE)
        for number in range(RECORDS):
            broker.memory.append(Message("s", b"a", json.dumps({"V": number}).encode(), number))
        execute(running, TABLE, **{"auto.offset.reset": "earliest"})
        assert pulled(running, WHOLE, 1) == [("a", 253)]
    written = [json.loads(each.value or b"")["N"] for each in broker.memory.partitions("T")[0]]
    assert written == [sum(range(BATCHES_IN_HAND)), sum(range(2 * BATCHES_IN_HAND)), sum(range(RECORDS))]
