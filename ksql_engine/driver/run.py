"""One case run: its statements, its inputs through all queries, and what came out compared."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ksql_engine.dialect.parser import parse_statement, split_with_places
from ksql_engine.dialect.statements import CreateSource
from ksql_engine.driver.cases import Case
from ksql_engine.driver.compare import difference
from ksql_engine.driver.memory import TopicDriver
from ksql_engine.driver.post_checks import unfulfilled
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.driver.topic_data import Part, TopicData
from ksql_engine.errors import KsqlError
from ksql_engine.operators.endpoints import Headers, Message
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.metastore import Metastore


def run_case(case: Case) -> str | None:
    """Return None when the case holds, else what is different."""
    driver = TopicDriver(case.properties)
    declared = {topic["name"]: topic for topic in case.topics}
    try:
        _register_declared(driver, case, declared)
        register_schemas(driver.registry, case.topics)
        driver.execute(case.statements)
        data: dict[str, TopicData] = {}
        for record in (*case.inputs, *case.outputs):
            name = record["topic"]
            if name not in data:
                data[name] = TopicData(name, driver.by_topic.get(name), driver.registry, declared.get(name))
        driver.run([data[record["topic"]].message(record) for record in case.inputs])
    except KsqlError as error:
        if case.error is None:
            return f"failed: {error}"
        return None if case.error in str(error) else f"failed with {str(error)!r}, not {case.error!r}"
    if case.error is not None:
        return f"did not fail with {case.error!r}"
    problem = outputs_problem(case.outputs, driver.topics, data)
    if problem and driver.log:
        return f"{problem}; log: {driver.log[:3]}"
    return problem or unfulfilled(driver, case.post)


def _register_declared(driver: TopicDriver, case: Case, declared: Mapping[str, Any]) -> None:
    """Register what declared columns come to, for topics the case says nothing of: the first ids are theirs."""
    for text, place in split_with_places(case.statements):
        with suppress(KsqlError):
            statement = parse_statement(text, start=place)
            if isinstance(statement, CreateSource) and statement.properties.get("KAFKA_TOPIC") not in declared:
                driver.formats.register_new(plan_source(statement, Metastore(), case.properties))


def register_schemas(registry: MemoryRegistry, topics: Sequence[Mapping[str, Any]]) -> None:
    """Register the schemas of a case's topics, as a producer would have."""
    for topic in topics:
        for side in ("key", "value"):
            schema = topic.get(f"{side}Schema")
            if schema is not None and str(topic.get(f"{side}Format", "AVRO")).upper() == "AVRO":
                registry.register(f"{topic['name']}-{side}", schema, topic.get(f"{side}SchemaId"))


def outputs_problem(
    outputs: Sequence[Mapping[str, Any]], topics: Mapping[str, Sequence[Message]], data: Mapping[str, TopicData]
) -> str | None:
    """Return how the records of the topics that `outputs` name are not the expected ones, or None."""
    for topic in dict.fromkeys(record["topic"] for record in outputs):
        expected = [record for record in outputs if record["topic"] == topic]
        found, held = topics.get(topic, ()), data[topic]
        for place, (message, wanted) in enumerate(zip(found, expected, strict=False)):
            problem = record_problem(held, message, wanted)
            if problem:
                return f"{topic}, record {place}: {problem}"
        if len(found) != len(expected):
            return f"{topic}: {len(found)} records, expected {len(expected)}"
    return None


def record_problem(data: TopicData, message: Message, wanted: Mapping[str, Any]) -> str | None:
    """Return how a record of a topic is not as a case expects it, or None."""
    key, window = data.shown_key(message)
    value = data.shown(data.value, message.value)
    problem = _part_problem(data.key, key, wanted.get("key")) or _part_problem(data.value, value, wanted.get("value"))
    if problem is None and "window" in wanted:
        problem = _window_problem(window, wanted["window"])
    if problem is None and "timestamp" in wanted and message.timestamp != wanted["timestamp"]:
        problem = f"time is {message.timestamp}, expected {wanted['timestamp']}"
    if problem is None and "headers" in wanted:
        problem = difference(_shown_headers(message.headers), _headers(wanted["headers"]), None, "headers")
    return problem


def _part_problem(part: Part, found: Any, wanted: Any) -> str | None:
    side = "key" if part.is_key else "value"
    problem = difference(found, wanted, part.kind)
    return f"{side} {found!r}, expected {wanted!r} ({problem})" if problem else None


def _window_problem(found: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> str | None:
    if wanted is None or found is None:
        return None if wanted is found else f"window {found}, expected {wanted}"
    same = all(str(wanted[name]).lower() == str(found[name]) for name in ("start", "end", "type") if name in wanted)
    return None if same else f"window {found}, expected {wanted}"


def _headers(given: Any) -> list[list[Any]]:
    return [[one["KEY"], one["VALUE"]] for one in given or ()]


def _shown_headers(headers: Headers) -> list[list[Any]]:
    return [[name, _base64(value)] for name, value in headers]


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
