"""Properties of a session: which exist, and which values they take."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ksql_engine.conformance.rest_server import MemoryServer
from ksql_engine.server.session_properties import PropertyError, UnknownPropertyError, check_override, resolve
from tests.unit.ksql_engine.rest_world import STREAM, Api


@pytest.fixture(scope="module")
def server() -> MemoryServer:
    return MemoryServer()


@pytest.fixture
def api(server: MemoryServer) -> Iterator[Api]:
    with server.engine({"ksql.properties.overrides.denylist": "ksql.suppress.enabled"}) as (engine, broker):
        yield Api(server, engine, broker)


@pytest.mark.parametrize(
    "name",
    [
        "auto.offset.reset",
        "ksql.streams.auto.offset.reset",
        "consumer.auto.offset.reset",
        "ksql.streams.consumer.max.poll.records",
        "ksql.streams.producer.linger.ms",
        "producer.compression.type",
        "cache.max.bytes.buffering",
        "ksql.streams.num.stream.threads",
        "ksql.streams.topic.retention.ms",
        "ksql.streams.__emit.interval.ms.kstreams.windowed.aggregation__",
        "ksql.query.pull.table.scan.enabled",
        "ksql.functions.collect_list.limit",
        "request.ksql.query.push.continuation.token",
    ],
)
def test_known_properties(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "nonsense",
        "",
        "ksql.nonsense",
        "ksql.streams.nonsense",
        "ksql.streams.consumer.nonsense",
        "consumer.linger.ms",
        "topic.nonsense",
        "request.ksql.nonsense",
        "ksql.streams.ksql.suppress.enabled",
        "Auto.Offset.Reset",
    ],
)
def test_unknown_properties(name: str) -> None:
    assert resolve(name) is None
    with pytest.raises(UnknownPropertyError) as refusal:
        check_override(name, "1")
    assert str(refusal.value) == f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("auto.offset.reset", "begin", "String must be one of: latest, earliest, none"),
        ("num.stream.threads", "many", "Not a number of type INT"),
        ("num.stream.threads", "2147483648", "Not a number of type INT"),
        ("commit.interval.ms", "1.5", "Not a number of type LONG"),
        ("commit.interval.ms", "-1", "Value must be at least 0"),
        ("ksql.query.pull.table.scan.enabled", "yes", "Expected value to be either true or false"),
        ("consumer.max.poll.records", "0", "Value must be at least 1"),
    ],
)
def test_values_that_cannot_be(name: str, value: str, problem: str) -> None:
    with pytest.raises(PropertyError) as refusal:
        check_override(name, value)
    plain = name.removeprefix("consumer.")
    assert str(refusal.value) == f"Invalid value {value} for configuration {plain}: {problem}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auto.offset.reset", "latest"),
        ("ksql.suppress.enabled", "TRUE"),
        ("commit.interval.ms", " 20 "),
        ("cache.max.bytes.buffering", "0"),
        ("ksql.functions.anything", "?"),
    ],
)
def test_values_that_can_be(name: str, value: str) -> None:
    check_override(name, value)


def test_what_a_session_cannot_change() -> None:
    for name in ("bootstrap.servers", "ksql.streams.bootstrap.servers", "ksql.extension.dir", "ssl.keystore.location"):
        with pytest.raises(PropertyError, match="Cannot override property"):
            check_override(name, "x")
    with pytest.raises(PropertyError, match="'none' is not valid for this property within KSQL"):
        check_override("auto.offset.reset", "none")


def test_set_refuses_with_the_statement(api: Api) -> None:
    status, body = api.refused("/ksql", {"ksql": STREAM + "SET 'nonsense' = '1'; SHOW STREAMS;"})
    assert (status, body["@type"], body["error_code"]) == (400, "statement_error", 40001)
    assert body["message"] == "Unknown property: nonsense"
    assert body["statementText"] == "SET 'nonsense' = '1';"
    assert len(body["entities"]) == 1
    assert api.refused("/ksql", {"ksql": "UNSET 'nonsense';"})[1]["message"] == "Unknown property: nonsense"
    body = api.refused("/ksql", {"ksql": "SET 'auto.offset.reset' = 'begin';"})[1]
    assert body["error_code"] == 40001
    assert body["message"].startswith("Invalid value begin for configuration auto.offset.reset: String must be one of")


def test_what_the_server_denies(api: Api) -> None:
    for name in ("ksql.suppress.enabled", "ksql.service.id"):
        denied = (
            "One or more properties overrides set locally are prohibited by the KSQL server (use UNSET to reset "
            f"their default value): [{name}]"
        )
        body = api.refused("/ksql", {"ksql": f"SET '{name}' = 'false';"})[1]
        assert (body["error_code"], body["message"]) == (40001, denied)
        body = api.refused("/ksql", {"ksql": "SHOW STREAMS;", "streamsProperties": {name: "false"}})[1]
        assert (body["error_code"], body["message"]) == (40000, denied)


@pytest.mark.parametrize("path", ["/ksql", "/query", "/query-stream"])
def test_properties_of_a_request(api: Api, path: str) -> None:
    text, given = ("sql", "properties") if path == "/query-stream" else ("ksql", "streamsProperties")
    status, body = api.refused(path, {text: "SHOW STREAMS;", given: {"nonsense": 1}})
    assert (status, body["@type"], body["error_code"]) == (400, "generic_error", 40000)
    assert body["message"] == (
        "Failed to set 'nonsense' to '1'\n"
        "Caused by: Not recognizable as ksql, streams, consumer, or producer property: 'nonsense'"
    )
    body = api.refused(path, {text: "SHOW STREAMS;", given: {"ksql.streams.commit.interval.ms": "soon"}})[1]
    assert body["message"].startswith("Failed to set 'ksql.streams.commit.interval.ms' to 'soon'\nCaused by: Invalid")


def test_properties_of_inserts(api: Api) -> None:
    api.ksql(STREAM)
    for properties, status in (({}, 200), ({"auto.offset.reset": "latest"}, 200), ({"nonsense": 1}, 400), ([1], 400)):
        head = json.dumps({"target": "S", "properties": properties})
        answered, data = api.raw("POST", "/inserts-stream", f'{head}\n{{"ID": "a", "N": 1}}\n'.encode())
        assert answered == status
        assert json.loads(data.splitlines()[0]).get("error_code", 0) == (0 if status == 200 else 40000)


def test_json_values_are_taken_as_text(api: Api) -> None:
    properties = {"ksql.suppress.buffer.size.bytes": 10, "ksql.lambdas.enabled": True, "client.id": None}
    listed = api.ksql("SHOW PROPERTIES;", streamsProperties=properties)[0]
    values = {one["name"]: one["value"] for one in listed["properties"]}
    assert values["ksql.suppress.buffer.size.bytes"] == "10"
    assert values["ksql.lambdas.enabled"] == "true"
    assert "client.id" not in values


def test_whether_a_property_exists_can_be_asked(api: Api) -> None:
    assert api.get("/is_valid_property/ksql.streams.producer.linger.ms") == (200, True)
    for name in ("nonsense", "ksql.nonsense", "ksql.service.id", "ksql.suppress.enabled"):
        status, body = api.get(f"/is_valid_property/{name}")
        assert (status, body["error_code"]) == (400, 40000)
