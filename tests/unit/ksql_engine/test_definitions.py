"""Definitions in a running engine: what is durable, what is asserted, what a SOURCE TABLE answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from engine_world import engine, execute, pulled

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.server.statements import FailedStatement

RECORD = {"type": "record", "name": "line", "fields": [{"name": "sku", "type": "string"}]}


def test_inferred_columns_are_kept_when_the_registry_changes(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    broker.topics.ensure("lines", 1, 1, {})
    registry.register("lines-value", RECORD)
    create = "CREATE STREAM `l s` (h BYTES HEADER('it''s')) WITH (KAFKA_TOPIC='lines', VALUE_FORMAT='AVRO');"
    with engine(tmp_path, broker, registry) as running:
        execute(running, create)
        before = running.metastore.sources["l s"]
    registry.delete("lines-value")
    with engine(tmp_path, broker, registry) as running:
        after = running.metastore.sources["l s"]
    assert str(after.schema) == str(before.schema) == "`SKU` STRING"
    assert after.headers == before.headers


def test_properties_and_added_columns_are_kept(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    with engine(tmp_path, broker, registry) as running:
        properties = {"ksql.persistence.default.format.value": "JSON", "ksql.persistence.wrap.single.values": "false"}
        execute(running, "CREATE STREAM l (a INT) WITH (KAFKA_TOPIC='lines', PARTITIONS=1);", **properties)
        answer = execute(running, "ALTER STREAM l ADD COLUMN b STRING;")[0]
        assert answer["commandStatus"]["status"] == "SUCCESS"
    with engine(tmp_path, broker, registry) as running:
        source = running.metastore.sources["L"]
    assert str(source.schema) == "`A` INTEGER, `B` STRING"
    assert (source.value_format.name, source.value_format.wrap) == ("JSON", False)


def test_a_declared_source_registers_its_schema_only_under_a_new_subject(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    registry.register("known-value", RECORD)
    with engine(tmp_path, broker, registry) as running:
        execute(running, "CREATE STREAM a (x INT) WITH (KAFKA_TOPIC='known', VALUE_FORMAT='AVRO', PARTITIONS=1);")
        execute(running, "CREATE STREAM b (x INT) WITH (KAFKA_TOPIC='new', VALUE_FORMAT='AVRO', PARTITIONS=1);")
    known, new = registry.latest("known-value"), registry.latest("new-value")
    assert known is not None
    assert known.schema == RECORD
    assert new is not None
    assert new.schema["fields"] == [{"name": "X", "type": ["null", "int"], "default": None}]


def test_a_source_table_answers_pull_queries_also_after_a_restart(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    broker.topics.ensure("people", 1, 1, {})
    for key, value in ((b"1", b"ann"), (b"2", b"bob"), (b"1", None), (b"3", b"eve")):
        broker.memory.append(Message("people", key, value, 5))
    with engine(tmp_path, broker, registry) as running:
        columns = "(id STRING PRIMARY KEY, name STRING)"
        create = f"CREATE SOURCE TABLE p {columns} WITH (KAFKA_TOPIC='people', VALUE_FORMAT='KAFKA');"
        assert execute(running, create)[0]["commandStatus"]["queryId"] == "CST_P_0"
        assert sorted(pulled(running, "SELECT * FROM p;", 2)) == [("2", "bob"), ("3", "eve")]
    with engine(tmp_path, broker, registry) as running:
        assert pulled(running, "SELECT name FROM p WHERE id = '3';", 1) == [("eve",)]
        with pytest.raises(FailedStatement, match="Cannot delete topic for read-only source: P"):
            execute(running, "DROP TABLE p DELETE TOPIC;")
        execute(running, "DROP TABLE p;")
        assert not running.tasks
    assert [topic.name for topic in broker.topics.all()] == ["default_ksql_processing_log", "people"]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("ASSERT TOPIC t TIMEOUT 1 MILLISECONDS;", None),
        ("ASSERT TOPIC t WITH (PARTITIONS=3) TIMEOUT 1 MILLISECONDS;", "For config partitions, expected 3 got 2"),
        ("ASSERT NOT EXISTS TOPIC t TIMEOUT 1 MILLISECONDS;", "Topic t exists"),
        ("ASSERT TOPIC u TIMEOUT 1 MILLISECONDS;", "Topic u does not exist"),
        ("ASSERT TOPIC t WITH (RETENTION_MS=3) TIMEOUT 1 MILLISECONDS;", "Cannot assert unknown topic property"),
        ("ASSERT SCHEMA SUBJECT 't-value' ID 1 TIMEOUT 1 MILLISECONDS;", None),
        ("ASSERT SCHEMA SUBJECT 't-value' ID 2 TIMEOUT 1 MILLISECONDS;", None),
        ("ASSERT SCHEMA SUBJECT 't-value' ID 3 TIMEOUT 1 MILLISECONDS;", "Schema with subject name t-value and id 3"),
        ("ASSERT SCHEMA ID 3 TIMEOUT 1 MILLISECONDS;", "Schema with id 3 does not exist"),
        ("ASSERT NOT EXISTS SCHEMA SUBJECT 't-key' TIMEOUT 1 MILLISECONDS;", None),
        ("ASSERT NOT EXISTS SCHEMA ID 1 TIMEOUT 1 MILLISECONDS;", "Schema with id 1 exists"),
        ("ASSERT SCHEMA TIMEOUT 1 MILLISECONDS;", "Must define one of 'SUBJECT' or 'ID'"),
    ],
)
def test_assertions(tmp_path: Path, statement: str, problem: str | None) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    broker.topics.ensure("t", 2, 1, {})
    registry.register("t-value", RECORD)
    registry.register("t-value", "string")
    with engine(tmp_path, broker, registry) as running:
        if problem is None:
            assert execute(running, statement)[0]["@type"] in ("assert_topic", "assert_schema")
            return
        with pytest.raises(FailedStatement, match=problem) as found:
            execute(running, statement)
    assert found.value.code in (40001, 41700)


def test_an_assertion_waits_for_what_another_request_makes(tmp_path: Path) -> None:
    with engine(tmp_path, MemoryBroker(), MemoryRegistry()) as running, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(execute, running, "ASSERT TOPIC 'later' TIMEOUT 10 SECONDS;")
        execute(running, "CREATE STREAM l (a INT) WITH (KAFKA_TOPIC='later', VALUE_FORMAT='JSON', PARTITIONS=1);")
        assert waiting.result(timeout=10)[0]["exists"] is True
