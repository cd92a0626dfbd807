"""What must be there after a case's statements: sources with their schemas and formats, topics with theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateSource
from ksql_engine.driver.memory import TopicDriver
from ksql_engine.driver.topic_data import TopicData
from ksql_engine.plan.model import Source

_WRAPPING = ("AVRO", "JSON")


def unfulfilled(driver: TopicDriver, post: Mapping[str, Any]) -> str | None:
    """Return what is not as `post` says, or None."""
    for wanted in post.get("sources", ()):
        problem = _source_problem(driver, wanted)
        if problem:
            return f"source {wanted['name']}: {problem}"
    for wanted in (post.get("topics") or {}).get("topics", ()):
        problem = _topic_problem(driver, wanted)
        if problem:
            return f"topic {wanted['name']}: {problem}"
    return None


def _source_problem(driver: TopicDriver, wanted: Mapping[str, Any]) -> str | None:
    source = driver.metastore.sources.get(wanted["name"])
    if source is None:
        return "it is not there"
    if source.kind != wanted["type"].upper():
        return f"it is a {source.kind}"
    if "schema" in wanted and _columns(driver, wanted["schema"], source) != _all_columns(source):
        return f"its schema is {_text(source)}, expected {wanted['schema']}"
    if wanted.get("isSource", source.read_only) != source.read_only:
        return f"isSource is {source.read_only}"
    return _key_problem(source, wanted.get("keyFormat")) or _features_problem(source, wanted)


def _columns(driver: TopicDriver, schema: str, source: Source) -> list[tuple[str, str, str]]:
    """Return the columns of `NAME TYPE [KEY], ..` with their roles."""
    text = f"CREATE {source.kind} EXPECTED ({schema}) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');"
    statement = parse_statement(text, driver.metastore.types)
    assert isinstance(statement, CreateSource)  # noqa: S101 - the text above is one
    keys = ("KEY", "PRIMARY KEY")
    named = [(one.name, str(one.type), "KEY" if one.role in keys else one.role) for one in statement.columns]
    return sorted(named, key=lambda one: one[2] not in keys)


def _all_columns(source: Source) -> list[tuple[str, str, str]]:
    keys = [(column.name, str(column.type), "KEY") for column in source.schema.key]
    values = [(column.name, str(column.type), "") for column in source.schema.value]
    return keys + values + [(header.name, str(header.type), "HEADERS") for header in source.headers]


def _text(source: Source) -> str:
    return ", ".join(f"{name} {kind} {role}".rstrip() for name, kind, role in _all_columns(source))


def _key_problem(source: Source, wanted: Mapping[str, Any] | str | None) -> str | None:
    if wanted is None:
        return None
    wanted = {"format": wanted} if isinstance(wanted, str) else wanted
    if source.key_format.name != wanted["format"].upper():
        return f"its key format is {source.key_format.name}"
    if "windowType" not in wanted:
        return None
    found = (source.window.kind, source.window.size) if source.window else None
    expected = (wanted["windowType"], wanted.get("windowSize"))
    return None if found == expected else f"its window is {found}, expected {expected}"


def _features_problem(source: Source, wanted: Mapping[str, Any]) -> str | None:
    given = wanted.get("valueFormat")
    name = given.get("format") if isinstance(given, Mapping) else given
    if name is not None and source.value_format.name != name.upper():
        return f"its value format is {source.value_format.name}"
    if "keyFeatures" in wanted:
        single = len(source.schema.key) == 1 and source.key_format.name in _WRAPPING
        if ("UNWRAP_SINGLES" in wanted["keyFeatures"]) != single:
            return f"its key is {'un' if single else ''}wrapped"
    if "UNWRAP_SINGLES" in wanted.get("valueFeatures", ()) and source.value_format.wrap:
        return "its value is wrapped"
    if "WRAP_SINGLES" in wanted.get("valueFeatures", ()) and not source.value_format.wrap:
        return "its value is not wrapped"
    return None


def _topic_problem(driver: TopicDriver, wanted: Mapping[str, Any]) -> str | None:
    if wanted["name"] not in driver.by_topic:
        # Topics of repartitions and changelogs: an engine in one process has none of them.
        return None
    data = TopicData(wanted["name"], driver.by_topic[wanted["name"]], driver.registry)
    for part, side in ((data.key, "key"), (data.value, "value")):
        found, expected = part.spec.name, _format_name(wanted.get(f"{side}Format"))
        if expected is not None and found != expected:
            return f"its {side} format is {found}, expected {expected}"
        problem = _schema_problem(driver, part.subject, wanted.get(f"{side}Schema"))
        if problem:
            return problem
    return None


def _format_name(given: Mapping[str, Any] | str | None) -> str | None:
    name = given.get("format") if isinstance(given, Mapping) else given
    return str(name).upper() if name is not None else None


def _schema_problem(driver: TopicDriver, subject: str, wanted: Any) -> str | None:
    if wanted is None:
        return None
    found = driver.registry.latest(subject)
    if found is None:
        return f"{subject} is not registered"
    if found.schema in (wanted, {"type": wanted}) or {"type": found.schema} == wanted:
        return None
    return f"{subject} is {found.schema}, expected {wanted}"
