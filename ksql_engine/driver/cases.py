"""Cases as data: statements, input records and the records they must give, in the shape of ksqlDB's own test files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ksql_engine.driver.memory import TopicDriver
from ksql_engine.errors import KsqlError
from ksql_engine.formats.base import Writer
from ksql_engine.formats.coerce import json_coercion
from ksql_engine.formats.window_keys import windowed_reader, windowed_writer
from ksql_engine.operators.endpoints import Message
from ksql_engine.plan.model import Column, FormatSpec, Source
from ksql_engine.types import Row


@dataclass(frozen=True)
class Case:
    """One case; `error` is a part of the message that the last statement must fail with."""

    name: str
    statements: str
    inputs: Sequence[Mapping[str, Any]] = ()
    outputs: Sequence[Mapping[str, Any]] = ()
    error: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


def load_cases(path: Path) -> list[Case]:
    """Return the cases of a file; one that names several formats is there once for each."""
    cases: list[Case] = []
    for test in json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["tests"]:
        for name in test.get("format", [""]):
            expected = test.get("expectedException")
            cases.append(
                Case(
                    f"{path.stem}: {test['name']}{f' [{name}]' if name else ''}",
                    "\n".join(test["statements"]).replace("{FORMAT}", name),
                    test.get("inputs", ()),
                    test.get("outputs", ()),
                    expected.get("message", "") if expected is not None else None,
                    test.get("properties", {}),
                )
            )
    return cases


def run_case(case: Case) -> str | None:
    """Return None when the case holds, else what is different."""
    driver = TopicDriver(case.properties)
    try:
        driver.execute(case.statements)
        driver.run([_input(driver, record) for record in case.inputs])
    except KsqlError as error:
        if case.error is None:
            return f"failed: {error}"
        return None if case.error in str(error) else f"failed with {str(error)!r}, not {case.error!r}"
    if case.error is not None:
        return f"did not fail with {case.error!r}"
    return _compare(driver, case)


def _source_of(driver: TopicDriver, topic: str) -> Source:
    for source in driver.metastore.sources.values():
        if source.topic == topic:
            return source
    raise KsqlError(f"no source over topic {topic}")


def _input(driver: TopicDriver, record: Mapping[str, Any]) -> Message:
    source = _source_of(driver, record["topic"])
    key = _key(driver, source, record)
    value = _bytes(driver, source, record.get("value"), is_key=False)
    return Message(source.topic, key, value, int(record.get("timestamp", 0)))


def _bytes(driver: TopicDriver, source: Source, given: Any, *, is_key: bool) -> bytes | None:
    """Return a record's key or value as the topic has it; JSON goes as it is, others by declared column."""
    spec, columns = _part(source, is_key)
    if given is None or not columns:
        return None
    if spec.name == "JSON":
        return json.dumps(given, default=float).encode()
    if spec.name == "DELIMITED":
        return str(given).encode()
    part = "key" if is_key else "value"
    write: Writer = driver.formats.writer(spec, columns, is_key, f"{source.topic}-{part}", source.name)
    return write(_row(columns, given, spec.name == "KAFKA" or (is_key and len(columns) == 1)))


def _key(driver: TopicDriver, source: Source, record: Mapping[str, Any]) -> bytes | None:
    """Return a record's key as the topic has it; in a windowed topic with the bounds that the case gives."""
    plain = _bytes(driver, source, record.get("key"), is_key=True)
    window = record.get("window")
    if plain is None or window is None or source.window is None:
        return plain
    writer = windowed_writer(lambda row: row[0], source.window)
    return writer((plain, window["start"], window["end"]))


def _part(source: Source, is_key: bool) -> tuple[FormatSpec, tuple[Column, ...]]:
    return (source.key_format, source.schema.key) if is_key else (source.value_format, source.schema.value)


def _row(columns: Sequence[Column], given: Any, alone: bool) -> Row:
    if not isinstance(given, Mapping) or alone:
        return (json_coercion(columns[0].type)(given),)
    names = {str(name).upper(): value for name, value in given.items()}
    return tuple(json_coercion(column.type)(names.get(column.name.upper())) for column in columns)


def _compare(driver: TopicDriver, case: Case) -> str | None:
    for topic in dict.fromkeys(record["topic"] for record in case.outputs):
        expected = [record for record in case.outputs if record["topic"] == topic]
        found = driver.topics.get(topic, [])
        if len(found) != len(expected):
            return f"{topic}: {len(found)} records, expected {len(expected)}: {[one.value for one in found]}"
        source = _source_of(driver, topic)
        for place, (message, wanted) in enumerate(zip(found, expected, strict=True)):
            problem = _difference(driver, source, message, wanted)
            if problem:
                return f"{topic}, record {place}: {problem}"
    return None


def _difference(driver: TopicDriver, source: Source, message: Message, wanted: Mapping[str, Any]) -> str | None:
    if "timestamp" in wanted and message.timestamp != wanted["timestamp"]:
        return f"time {message.timestamp}, expected {wanted['timestamp']}"
    key, value = _key(driver, source, wanted), _bytes(driver, source, wanted.get("value"), is_key=False)
    for is_key, data, given in ((True, message.key, key), (False, message.value, value)):
        expected = _decoded(driver, source, given, is_key=is_key)
        found = _decoded(driver, source, data, is_key=is_key)
        if not _same(found, expected):
            return f"{'key' if is_key else 'value'} {found}, expected {expected}"
    return None


def _decoded(driver: TopicDriver, source: Source, data: bytes | None, *, is_key: bool) -> Row | None:
    spec, columns = _part(source, is_key)
    if data is None or not columns:
        return None
    read = driver.formats.reader(spec, columns, is_key)
    return (windowed_reader(read, source.window) if is_key and source.window else read)(data)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or abs(left - right) <= 1e-6 * max(abs(left), abs(right), 1.0) or left != left  # noqa: PLR0124 - NaN
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
