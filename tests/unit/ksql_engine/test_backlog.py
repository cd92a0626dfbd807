"""A query that is behind puts the changes of several batches into one commit."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_world import engine, execute, pulled

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime import pace
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.pace import BATCHES_IN_HAND, Pace
from ksql_engine.runtime.runner import LocalQuery
from ksql_engine.state.rocks import Offsets
from tests.waiting import eventually

SOURCE = "CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
TABLE = "CREATE TABLE t AS SELECT k, SUM(v) AS n FROM s GROUP BY k;"
RECORDS = 23
WHOLE = "SELECT k, n FROM t WHERE n = 253;"


class OneByOne:
    """A feed whose batches hold one record and are full as long as there are more."""

    def __init__(self, feed: InputFeed, shown: list[int]) -> None:
        self._feed, self._shown = feed, shown
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
        self._shown.append(sum(self.positions.values()))

    def close(self) -> None:
        self._feed.close()


class SmallBatches(MemoryBroker):
    """Topics in memory, read one record at a time; `shown` are the positions that tools were shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []

    def feed(self, group_id: str, topics: Sequence[str]) -> InputFeed:
        return OneByOne(super().feed(group_id, topics), self.shown)


def with_backlog(broker: MemoryBroker, running: Engine) -> None:
    """Let a query begin with a backlog."""
    execute(running, SOURCE)
    for number in range(RECORDS):
        broker.memory.append(Message("s", b"a", json.dumps({"V": number}).encode(), number))
    execute(running, TABLE, **{"auto.offset.reset": "earliest"})


def written(broker: MemoryBroker) -> list[int]:
    return [json.loads(each.value or b"")["N"] for each in broker.memory.partitions("T")[0]]


def test_a_backlog_is_committed_in_few_steps_and_completely(tmp_path: Path) -> None:
    broker = SmallBatches()
    assert RECORDS == 2 * BATCHES_IN_HAND + 3
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        with_backlog(broker, running)
        assert pulled(running, WHOLE, 1) == [("a", 253)]
    assert written(broker) == [sum(range(BATCHES_IN_HAND)), sum(range(2 * BATCHES_IN_HAND)), sum(range(RECORDS))]


def test_a_backlog_of_many_keys_is_committed_in_more_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SmallBatches()
    monkeypatch.setattr(pace, "CHANGES_IN_HAND", 1)
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        with_backlog(broker, running)
        assert pulled(running, WHOLE, 1) == [("a", 253)]
    assert written(broker) == [sum(range(number + 1)) for number in range(RECORDS)]


def test_tools_are_shown_what_is_committed(tmp_path: Path) -> None:
    broker = SmallBatches()
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        with_backlog(broker, running)
        assert pulled(running, WHOLE, 1) == [("a", 253)]
    assert set(broker.shown) <= {BATCHES_IN_HAND, 2 * BATCHES_IN_HAND, RECORDS}
    assert broker.shown[-1] == RECORDS


def test_a_paused_query_has_nothing_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SmallBatches()
    with engine(tmp_path, broker, MemoryRegistry()) as running:

        def pause(_pace: Pace, *_in_hand: int) -> bool:
            the_query(running).pause()
            return True

        monkeypatch.setattr(Pace, "can_wait", pause)
        with_backlog(broker, running)
        assert pulled(running, "SELECT k, n FROM t WHERE n > 0;", 1) == [("a", 1)]
        assert written(broker) == [1]


def test_a_stopped_query_finishes_what_is_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SmallBatches()
    with engine(tmp_path, broker, MemoryRegistry()) as running:
        asked = threading.Event()

        def stop(_pace: Pace, *_in_hand: int) -> bool:
            the_query(running).task.signal_stop()
            asked.set()
            return True

        monkeypatch.setattr(Pace, "can_wait", stop)
        with_backlog(broker, running)
        assert asked.wait(10)
    assert written(broker) == [1]


def the_query(running: Engine) -> LocalQuery:
    """The only query, as soon as the engine knows it."""
    eventually(lambda: running.tasks)
    [query] = running.tasks.values()
    assert isinstance(query, LocalQuery)
    return query
