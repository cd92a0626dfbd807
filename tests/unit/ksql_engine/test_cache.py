"""De-duplication between commits: after a crash the sink's last rows are still those of the table."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateAsSelect
from ksql_engine.driver.memory import TopicDriver
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.sources import plan_create_as
from ksql_engine.state.store import MemoryState
from ksql_engine.types import Row

SOURCES = """
CREATE TABLE t (id VARCHAR PRIMARY KEY, v INTEGER) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');
CREATE TABLE u (id VARCHAR PRIMARY KEY, w INTEGER) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON');
CREATE STREAM s (id VARCHAR KEY, v INTEGER) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');
"""
TABLES = (
    "CREATE TABLE o AS SELECT id, v FROM t WHERE v > 2;",
    "CREATE TABLE o AS SELECT id, v + 1 AS v1 FROM t;",
    "CREATE TABLE o AS SELECT t.id, v, w FROM t JOIN u ON t.id = u.id;",
    "CREATE TABLE o AS SELECT t.id, v, w FROM t LEFT JOIN u ON t.id = u.id WHERE v > 2;",
    "CREATE TABLE o AS SELECT id, SUM(v) AS total FROM s GROUP BY id HAVING SUM(v) > 2;",
    "CREATE TABLE o AS SELECT v, COUNT(*) AS n FROM t GROUP BY v HAVING COUNT(*) > 1;",
)
Record = tuple[str, str, int | None]
RECORDS = st.lists(
    st.tuples(st.sampled_from("tu"), st.sampled_from("ab"), st.one_of(st.none(), st.integers(-3, 5))), max_size=12
)


def planned(text: str) -> tuple[QueryPlan, TopicDriver]:
    driver = TopicDriver()
    driver.execute(SOURCES)
    statement = parse_statement(text, {})
    assert isinstance(statement, CreateAsSelect)
    return plan_create_as(statement, driver.metastore, driver.functions), driver


def message(number: int, record: Record) -> Message:
    topic, key, number_or_none = record
    name = "v" if topic == "t" else "w"
    value: Any = None if number_or_none is None else json.dumps({name: number_or_none}).encode()
    return Message(topic, key.encode(), value, number)


class Run:
    """The operators of a plan over state of their own; `sink` is what a reader of the topic holds in the end."""

    def __init__(self, plan: QueryPlan, driver: TopicDriver, sink: dict[Row, Row], *, cached: bool) -> None:
        self.sink = sink
        outputs = Outputs(self.emit, lambda *_: None, lambda *_: None)
        self.pipeline = Pipeline(plan, driver.formats, MemoryState(), outputs, cached=cached)

    def emit(self, key: Row, value: Row | None, _time: int) -> None:
        if value is None:
            self.sink.pop(key, None)
        else:
            self.sink[key] = value

    def take(self, records: list[Record]) -> None:
        for number, record in enumerate(records):
            if record[0] in self.pipeline.topics:
                self.pipeline.process(message(number, record))
        self.pipeline.flush()


@example(text=TABLES[0], records=[("t", "a", 5), ("t", "a", None)], sent=1)
@settings(max_examples=400)
@given(text=st.sampled_from(TABLES), records=RECORDS, sent=st.integers(0, 12))
def test_rows_sent_before_a_crash_are_taken_back(text: str, records: list[Record], sent: int) -> None:
    """The first `sent` records came through to the sink, but their commit did not."""
    plan, driver = planned(text)
    exact: dict[Row, Row] = {}
    Run(plan, driver, exact, cached=False).take(records)
    sink: dict[Row, Row] = {}
    Run(plan, driver, sink, cached=True).take(records[:sent])
    Run(plan, driver, sink, cached=True).take(records)
    assert sink == exact
