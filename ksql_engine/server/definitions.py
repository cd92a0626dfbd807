"""ALTER and ASSERT executed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ksql_engine.dialect.statements import AlterSource, AssertSchema, AssertTopic
from ksql_engine.errors import AssertionFailedError, SchemaNotFoundError, StatementError
from ksql_engine.plan.replace import plan_alter
from ksql_engine.runtime.engine import Engine
from ksql_engine.server import entities
from ksql_engine.server.entities import Entity

_PAUSE_SECONDS: Final = 0.1
_TOPIC_PROPERTIES: Final = ("PARTITIONS", "REPLICAS")


def alter_source(engine: Engine, statement: AlterSource) -> Entity:
    """Add columns to a declared source; queries that run on it keep the columns they have."""
    source = plan_alter(statement, engine.metastore)
    sequence = engine.record(statement.text)
    engine.metastore.sources[source.name] = source
    kind = source.kind.lower()
    return entities.command_status(
        statement.text, f"{kind}/`{source.name}`/alter", f"{kind.capitalize()} altered", sequence
    )


def assert_topic(engine: Engine, statement: AssertTopic) -> Entity:
    """Wait until a topic is as stated. Raises AssertionFailedError when its time is up."""
    unknown = [name for name in statement.properties if name not in _TOPIC_PROPERTIES]
    if unknown:
        raise StatementError(f"Cannot assert unknown topic property: {', '.join(unknown)}")
    _wait(lambda: _topic_problem(engine, statement), statement.timeout)
    return entities.entity("assert_topic", statement.text, topicName=statement.topic, exists=statement.exists)


def _topic_problem(engine: Engine, statement: AssertTopic) -> str | None:
    found = engine.topics.find(statement.topic)
    if not statement.exists:
        return f"Topic {statement.topic} exists" if found else None
    if found is None:
        return f"Topic {statement.topic} does not exist"
    held = {"PARTITIONS": found.partitions, "REPLICAS": found.replicas}
    for name, wanted in statement.properties.items():
        if str(held[name]) != str(wanted):
            return (
                f"Mismatched configuration for topic {statement.topic}: For config {name.lower()}, "
                f"expected {wanted} got {held[name]}"
            )
    return None


def assert_schema(engine: Engine, statement: AssertSchema) -> Entity:
    """Wait until a schema is as stated. Raises AssertionFailedError when its time is up."""
    if statement.subject is None and statement.schema_id is None:
        raise StatementError("Must define one of 'SUBJECT' or 'ID'")
    _wait(lambda: _schema_problem(engine, statement), statement.timeout)
    return entities.entity(
        "assert_schema", statement.text, subject=statement.subject, id=statement.schema_id, exists=statement.exists
    )


def _schema_problem(engine: Engine, statement: AssertSchema) -> str | None:
    names = [f"subject name {statement.subject}"] if statement.subject is not None else []
    names += [f"id {statement.schema_id}"] if statement.schema_id is not None else []
    found = _schema_exists(engine, statement)
    if found == statement.exists:
        return None
    return f"Schema with {' and '.join(names)} {'exists' if found else 'does not exist'}"


def _schema_exists(engine: Engine, statement: AssertSchema) -> bool:
    if engine.registry is None:
        raise StatementError("KSQL is not configured to use a schema registry.")
    if statement.subject is None:
        return _id_exists(engine, statement)
    ids = engine.registry.ids(statement.subject)
    return bool(ids) if statement.schema_id is None else statement.schema_id in ids


def _id_exists(engine: Engine, statement: AssertSchema) -> bool:
    if engine.registry is None or statement.schema_id is None:
        return False
    try:
        engine.registry.schema_by_id(statement.schema_id)
    except SchemaNotFoundError:
        return False
    return True


def _wait(problem: Callable[[], str | None], timeout_ms: int) -> None:
    deadline = time.monotonic() + timeout_ms / 1000
    while True:
        found = problem()
        if found is None:
            return
        if time.monotonic() >= deadline:
            raise AssertionFailedError(found)
        time.sleep(_PAUSE_SECONDS)
