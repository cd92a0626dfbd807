"""What a table keeps is what it said last, with de-duplication and without; a cache passes last changes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateAsSelect
from ksql_engine.driver.memory import TopicDriver
from ksql_engine.operators.cache import Cache
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.operators.result import kept_rows
from ksql_engine.plan.sources import plan_create_as
from ksql_engine.state.rocks import RocksState, shared_cache
from ksql_engine.types import Row

SOURCES = """
CREATE STREAM s (id VARCHAR KEY, g VARCHAR, v INTEGER) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE TABLE t (id VARCHAR PRIMARY KEY, g VARCHAR, v INTEGER) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');
CREATE TABLE u (id VARCHAR PRIMARY KEY, w INTEGER) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON');
"""
QUERIES = [
    "CREATE TABLE o AS SELECT g, SUM(v) + 1 AS n, LATEST_BY_OFFSET(v) AS last FROM s WHERE v > 0 GROUP BY g;",
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n FROM t GROUP BY g;",
    "CREATE TABLE o AS SELECT g, COUNT(*) AS n FROM s GROUP BY g HAVING COUNT(*) > 1;",
    "CREATE TABLE o AS SELECT t.id, v + COALESCE(w, 0) AS n FROM t LEFT JOIN u ON t.id = u.id;",
    "CREATE TABLE o AS SELECT ROWKEY, v, w FROM t FULL JOIN u ON t.id = u.id;",
    "CREATE TABLE o AS SELECT t.id, v, w FROM t LEFT JOIN u ON t.id = u.id WHERE v > 1;",
    "CREATE TABLE o AS SELECT id, v * 2 AS n FROM t;",
]
RECORDS = (
    ("a", "k", {"g": "x", "v": 1}, 10),
    ("b", "k", {"w": 5}, 20),
    ("a", "l", {"g": "x", "v": 2}, 15),
    ("a", "k", {"g": "y", "v": 3}, 30),
    ("b", "l", {"w": 6}, 25),
    ("b", "k", None, 40),
    ("a", "l", None, 50),
    ("b", "m", {"w": 7}, 60),
)


def last_rows(text: str, folder: Path, cached: bool) -> tuple[dict[Row, Any], dict[Row, Any], int]:
    """The last row a query gave for each key, the rows it keeps, and how many records it gave."""
    driver = TopicDriver()
    driver.execute(SOURCES)
    statement = parse_statement(text, {})
    assert isinstance(statement, CreateAsSelect)
    plan = plan_create_as(statement, driver.metastore, driver.functions)
    said: list[tuple[Row, Row | None, int]] = []
    state = RocksState(folder, shared_cache())
    outputs = Outputs(lambda *record: said.append(record), print, print)
    pipeline = Pipeline(plan, driver.formats, state, outputs, cached=cached)
    for topic, key, value, time in RECORDS:
        data = None if value is None else json.dumps(value).encode()
        if topic in pipeline.topics:
            pipeline.process(Message(topic, key.encode(), data, time))
    pipeline.flush()
    state.commit({})
    name, row_of = kept_rows(plan)
    kept = [entry for held in state.store(name).scan() if (entry := row_of(held)) is not None]
    last = {key: (value, time) for key, value, time in said}
    return (
        {key: entry for key, entry in last.items() if entry[0] is not None},
        {key: (value, time) for key, value, time in kept},
        len(said),
    )


@pytest.mark.parametrize("text", QUERIES)
def test_kept_rows_are_the_last_ones_given(text: str, tmp_path: Path) -> None:
    given, kept, count = last_rows(text, tmp_path / "each", cached=False)
    assert given == kept
    assert given
    collapsed, kept_then, fewer = last_rows(text, tmp_path / "last", cached=True)
    assert collapsed == kept_then == given
    assert fewer <= count


def test_a_cache_passes_the_last_change_of_each_key_in_the_order_of_the_last_changes() -> None:
    out: list[tuple[Row, Row | None, int]] = []
    cache = Cache(lambda *record: out.append(record))
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.process((key,), (value,), value)
    cache.process(([1],), (5,), 5)
    assert out == [(([1],), (5,), 5)]
    cache.release(("c",))
    cache.flush()
    cache.flush()
    assert out[1:] == [(("c",), (4,), 4), (("b",), (2,), 2), (("a",), (3,), 3)]
