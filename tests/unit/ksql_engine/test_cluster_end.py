"""POST /ksql/terminate, and addresses that only a cluster of several servers has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_world import engine

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.runtime.catalog import Catalog
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.server.cluster import terminate
from tests.unit.ksql_engine.engine_world import execute
from tests.unit.ksql_engine.rest_world import STREAM, TABLE, Api
from tests.waiting import eventually

AVRO_COPY = "CREATE STREAM kept WITH (VALUE_FORMAT='AVRO') AS SELECT * FROM s;"


def topics(api: Api) -> set[str]:
    return {topic.name for topic in api.engine.topics.all()}


def test_queries_end_and_topics_of_queries_are_deleted_where_they_match(api: Api) -> None:
    api.ksql(STREAM + TABLE + AVRO_COPY)
    api.add("a", '{"n": 1}')
    watched = api.server.post("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
    status, body = api.refused("/ksql/terminate", {"deleteTopicList": ["T", "s", "KEP"]})
    assert (status, body[0]["@type"], body[0]["commandId"]) == (  # type: ignore[index]  # a list of entities
        200,
        "currentStatus",
        "cluster/TerminateCluster/terminate",
    )
    assert topics(api) == {"s", "KEPT"}, "only what a query wrote, and whose whole name matches"
    assert b"Query Completed" in watched.read()
    assert api.engine.registry is not None
    assert api.engine.registry.latest("KEPT-value") is not None
    assert not api.engine.tasks


def test_schemas_go_with_their_topics(api: Api) -> None:
    api.ksql(STREAM + AVRO_COPY)
    api.refused("/ksql/terminate", {"deleteTopicList": ["K.*"]})
    assert topics(api) == {"s"}
    assert api.engine.registry is not None
    assert api.engine.registry.latest("KEPT-value") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ksql", {"ksql": "SHOW STREAMS;"}),
        ("/ksql/terminate", {}),
        ("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"}),
        ("/query-stream", {"sql": "SELECT * FROM s EMIT CHANGES;"}),
    ],
)
def test_a_terminated_server_answers_nothing_more(api: Api, path: str, body: dict[str, Any]) -> None:
    api.refused("/ksql/terminate", {})
    status, found = api.refused(path, body)
    assert (status, found["error_code"], found["message"]) == (503, 50303, "The server is shutting down")
    assert api.get("/healthcheck")[1]["serverState"] == "TERMINATING"
    assert api.get("/info")[1]["KsqlServerInfo"]["serverStatus"] == "TERMINATING"
    assert api.get("/chc/ready")[0] == 503
    assert api.get("/chc/live")[0] == 200


@pytest.mark.parametrize("patterns", ["x", [1], ["["], {"a": 1}])
def test_patterns_that_are_none(api: Api, patterns: Any) -> None:
    status, body = api.refused("/ksql/terminate", {"deleteTopicList": patterns})
    assert (status, body["error_code"]) == (400, 40000)
    assert api.ksql("SHOW STREAMS;")


def test_after_a_restart_all_is_empty(tmp_path: Path) -> None:
    broker, registry = MemoryBroker(), MemoryRegistry()
    with engine(tmp_path, broker, registry) as running:
        execute(running, STREAM + TABLE + "CREATE TYPE money AS DECIMAL(9, 2);")
        terminate(running, {})
        assert list(Catalog(tmp_path).commands()) == []
    with engine(tmp_path, broker, registry) as running:
        assert not running.metastore.sources
        assert not running.metastore.types
        execute(running, STREAM)
        eventually(lambda: not list((tmp_path / "queries").iterdir()))


@pytest.mark.parametrize("path", ["/heartbeat", "/lag"])
def test_one_server_has_no_messages_of_others(api: Api, path: str) -> None:
    status, data = api.raw("POST", path, json.dumps({"timestamp": 1}).encode())
    assert (status, json.loads(data)["error_code"]) == (404, 40400)
