"""Joins on state that is on disk: a restart in the middle changes nothing, and the past does not stay for ever."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateAsSelect
from ksql_engine.driver.memory import TopicDriver
from ksql_engine.errors import StatementError
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.shape import check_shape
from ksql_engine.plan.sources import plan_create_as
from ksql_engine.state.rocks import RocksState, shared_cache
from ksql_engine.state.store import MemoryState, State
from ksql_engine.types import Row

SOURCES = """
CREATE STREAM l (id VARCHAR KEY, v INTEGER) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON');
CREATE STREAM r (id VARCHAR KEY, w INTEGER) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
CREATE TABLE t (id VARCHAR PRIMARY KEY, v INTEGER, f VARCHAR) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON');
CREATE TABLE u (id VARCHAR PRIMARY KEY, w INTEGER) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
CREATE TABLE x (id VARCHAR PRIMARY KEY, y INTEGER) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON');
"""
STREAMS = (
    "CREATE STREAM o AS SELECT ROWKEY, v, w FROM l FULL JOIN r WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON l.id = r.id;"
)
TABLES = "CREATE TABLE o AS SELECT ROWKEY, v, w, y FROM t JOIN u ON t.id = u.id FULL JOIN x ON t.id = x.id;"
FOREIGN = "CREATE TABLE o AS SELECT t.id, v, w FROM t LEFT JOIN u ON t.f = u.id;"
RECORDS = (
    ("l", "a", {"v": 1, "f": "p"}, 1000),
    ("r", "p", {"w": 10}, 1100),
    ("r", "a", {"w": 11}, 1200),
    ("x", "a", {"y": 7}, 1300),
    ("l", "b", {"v": 2, "f": "p"}, 2500),
    ("r", "p", {"w": 12}, 3600),
    ("l", "c", {"v": 3, "f": None}, 5000),
    ("r", "p", None, 9000),
    ("l", "a", None, 9001),
    ("r", "c", {"w": 13}, 9002),
)


def message(topic: str, key: str, value: dict[str, Any] | None, time: int) -> Message:
    return Message(topic, key.encode(), None if value is None else json.dumps(value).encode(), time)


class Query:
    """One query over given state, with what came out of it."""

    def __init__(self, text: str) -> None:
        self.driver = TopicDriver()
        self.driver.execute(SOURCES)
        statement = parse_statement(text, {})
        assert isinstance(statement, CreateAsSelect)
        self.plan: QueryPlan = plan_create_as(statement, self.driver.metastore, self.driver.functions)
        self.out: list[tuple[Row, Row | None, int]] = []

    def run(self, state: State, records: Sequence[tuple[str, str, dict[str, Any] | None, int]]) -> None:
        outputs = Outputs(lambda *record: self.out.append(record), self._failed, self._failed)
        pipeline = Pipeline(self.plan, self.driver.formats, state, outputs)
        for record in records:
            if record[0] in pipeline.topics:
                pipeline.process(message(*record))

    def _failed(self, *problem: object) -> None:
        raise AssertionError(problem)


@pytest.mark.parametrize("text", [STREAMS, TABLES, FOREIGN])
def test_a_restart_between_any_two_records_changes_nothing(text: str, tmp_path: Path) -> None:
    whole = Query(text)
    whole.run(MemoryState(), RECORDS)
    assert len(whole.out) >= 4
    parts = Query(text)
    for record in RECORDS:
        state = RocksState(tmp_path / "q", shared_cache())
        parts.run(state, [record])
        state.commit({})
        state.close()
    assert parts.out == whole.out


@pytest.mark.parametrize("text", [STREAMS, TABLES, FOREIGN])
def test_uncommitted_changes_are_seen_in_a_batch(text: str, tmp_path: Path) -> None:
    whole, batch = Query(text), Query(text)
    whole.run(MemoryState(), RECORDS)
    batch.run(RocksState(tmp_path / "q", shared_cache()), RECORDS)
    assert batch.out == whole.out


def test_streams_keep_no_more_than_window_and_grace() -> None:
    query, state = Query(STREAMS), MemoryState()
    query.run(state, [(side, "a", {"v": 1, "w": 1}, minute * 30_000) for minute in range(60) for side in "lr"])
    held = [row for part in ("left", "right", "waiting") for row in state.store(f"stream-join-1-{part}").scan()]
    assert len(held) <= 8


def test_each_partition_has_its_own_clock() -> None:
    query = Query(STREAMS.replace("FULL", "INNER").replace("ROWKEY", "l.id"))
    outputs = Outputs(lambda *record: query.out.append(record), print, print)
    pipeline = Pipeline(query.plan, query.driver.formats, MemoryState(), outputs)
    pipeline.process(message("l", "a", {"v": 1}, 90_000)._replace(partition=1))
    pipeline.process(message("l", "b", {"v": 2}, 1000))
    pipeline.process(message("r", "b", {"w": 3}, 1000))
    assert query.out == [(("b",), (2, 3), 1000)]


def test_the_shape_of_a_join_must_stay() -> None:
    query = Query(STREAMS)
    other = Query(STREAMS.replace("WITHIN 1", "WITHIN 2"))
    with pytest.raises(StatementError, match="stream-stream join FULL within"):
        check_shape("O", query.plan, other.plan)


def test_a_join_that_keeps_no_rows_of_its_own_takes_no_condition() -> None:
    plain, filtered = Query(TABLES), Query(TABLES.replace(";", " WHERE v > 1;"))
    check_shape("O", filtered.plan, plain.plan)
    with pytest.raises(StatementError, match="to which no condition can be added"):
        check_shape("O", plain.plan, filtered.plan)
