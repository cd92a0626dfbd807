"""The REST API through its real HTTP server, over topics in memory."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from typing import Any

import pytest

from ksql_engine.conformance.rest_server import MemoryServer, read_items, wait_until_settled
from ksql_engine.operators.endpoints import Message
from tests.unit.ksql_engine.rest_world import STREAM, TABLE, Api, live_threads
from tests.waiting import eventually


def test_a_table_is_pulled(api: Api) -> None:
    api.ksql(STREAM + TABLE)
    api.add("a", '{"n": 1}')
    api.add("a", '{"n": 2}')
    wait_until_settled(api.engine, api.broker)
    answer = api.server.post("/query", {"ksql": "SELECT * FROM t WHERE id = 'a';"})
    assert read_items(answer, 9) == [
        {"header": {"queryId": None, "schema": "`ID` STRING KEY, `C` BIGINT"}},
        {"row": {"columns": ["a", 2]}},
    ]


def test_a_stream_is_pulled_to_its_end(api: Api) -> None:
    api.ksql(STREAM)
    api.add("a", '{"n": 1}')
    items = read_items(api.server.post("/query", {"ksql": "SELECT n FROM s;"}), 9)
    assert items[1:] == [{"row": {"columns": [1]}}, {"finalMessage": "Query Completed"}]


def test_query_stream_speaks_lines_of_json(api: Api) -> None:
    api.ksql(STREAM)
    api.add("a", '{"n": 1}')
    body = json.dumps({"sql": "SELECT id, n FROM s EMIT CHANGES LIMIT 1;"}).encode()
    status, data = api.raw("POST", "/query-stream", body)
    head, row = data.decode().splitlines()
    assert status == 200
    assert json.loads(head)["columnNames"] == ["ID", "N"]
    assert json.loads(row) == ["a", 1]


def test_print_shows_records_as_text(api: Api) -> None:
    api.ksql(STREAM)
    api.add("a", '{"n": 1}')
    body = json.dumps({"sql": "PRINT s FROM BEGINNING LIMIT 1;"}).encode()
    _, data = api.raw("POST", "/query-stream", body)
    assert data.decode().splitlines() == [
        "Key format: KAFKA_STRING",
        "Value format: JSON or KAFKA_STRING",
        'rowtime: 1970/01/01 00:00:01.000 Z, key: a, value: {"n": 1}, partition: 0',
    ]
    status, found = api.refused("/query", {"ksql": "PRINT nowhere;"})
    assert (status, found["error_code"]) == (400, 40001)


@pytest.mark.parametrize("close", ["client", "close-query"])
def test_a_push_query_leaves_nothing_behind(api: Api, close: str) -> None:
    api.ksql(STREAM)
    answer = api.server.post("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
    (header,) = read_items(answer, 1)
    query_id = header["header"]["queryId"]
    assert query_id in live_threads()
    if close == "client":
        answer.close()
    else:
        assert api.server.post("/close-query", {"queryId": query_id}).status == 200
        assert api.refused("/close-query", {"queryId": query_id})[1]["message"] == f"No query with id {query_id}"
    eventually(lambda: query_id not in live_threads())


@pytest.mark.parametrize(("enabled", "seen"), [("true", [["b", 2]]), ("false", [[None, 1], ["b", 2]])])
def test_nulls_in_push_queries_of_the_scalable_kind(api: Api, enabled: str, seen: list[Any]) -> None:
    api.ksql(STREAM)
    properties = {"auto.offset.reset": "latest", "ksql.query.push.v2.enabled": enabled}
    text = "SELECT * FROM s EMIT CHANGES;"
    answer = api.server.post("/query", {"ksql": text, "streamsProperties": properties})
    (header,) = read_items(answer, 1)
    assert header["header"]["queryId"].startswith("SCALABLE_PUSH_QUERY") == (enabled == "true")
    for key, value in ((None, b'{"n": 1}'), (b"a", None), (b"b", b'{"n": 2}')):
        api.broker.memory.append(Message("s", key, value, 1000))
    assert [item["row"]["columns"] for item in read_items(answer, len(seen))] == seen
    answer.close()


def test_many_open_push_queries_do_not_hold_others_up(api: Api) -> None:
    api.ksql(STREAM)
    opened = [api.server.post("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"}) for _ in range(60)]
    begun = time.monotonic()
    api.ksql("SHOW STREAMS;")
    assert time.monotonic() - begun < 2
    for answer in opened:
        answer.close()
    eventually(lambda: not live_threads(), 15)


def test_push_queries_are_limited(server: MemoryServer) -> None:
    with server.engine({}, max_push_queries=1) as (engine, broker):
        api = Api(server, engine, broker)
        api.ksql(STREAM)
        first = api.server.post("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
        status, body = api.refused("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
        assert (status, body["error_code"]) == (429, 40003)
        first.close()


def test_basic_authentication(server: MemoryServer) -> None:
    with server.engine({}, users={"ann": "secret"}) as (engine, broker):
        api = Api(server, engine, broker)
        assert api.raw("GET", "/info")[0] == 401
        assert api.raw("GET", "/info", authorization="Basic YW5uOndyb25n")[0] == 401
        assert api.raw("GET", "/info", authorization="Basic %%%")[0] == 401
        assert api.raw("GET", "/info", authorization="Basic YW5uOnNlY3JldA==")[0] == 200
        assert api.raw("GET", "/chc/live")[0] == 200


def test_what_the_server_says_of_itself(api: Api) -> None:
    assert api.get("/info")[1]["KsqlServerInfo"]["serverStatus"] == "RUNNING"
    assert api.get("/healthcheck")[1]["isHealthy"] is True
    assert next(iter(api.get("/clusterStatus")[1]["clusterStatus"].values()))["hostAlive"] is True
    assert api.get("/is_valid_property/ksql.streams.auto.offset.reset") == (200, True)
    assert api.get("/is_valid_property/nonsense")[1]["error_code"] == 40000
    assert api.get("/v1/metadata")[1]["clusterId"]["scope"]["clusters"]["ksql-cluster"] == "default_"
    assert api.get("/nowhere") == (404, {"@type": "generic_error", "error_code": 40400, "message": "Not Found"})


def test_the_status_of_commands_is_kept(api: Api) -> None:
    api.ksql(STREAM)
    assert api.get("/status")[1] == {"commandStatuses": {"stream/`S`/create": "SUCCESS"}}
    assert api.get("/status/stream/S/create")[1]["message"] == "Stream created"
    assert api.get("/status/stream/X/create")[1]["error_code"] == 40400


def test_a_later_command_is_not_waited_for(api: Api) -> None:
    number = api.ksql(STREAM)[0]["commandSequenceNumber"]
    assert api.ksql("SHOW STREAMS;", commandSequenceNumber=number)
    status, body = api.refused("/ksql", {"ksql": "SHOW STREAMS;", "commandSequenceNumber": number + 5})
    assert (status, body["error_code"]) == (503, 50301)


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"ksql": 1}',
    b'{"ksql": null}',
    b"\xff\xfe",
    b'{"ksql": "SHOW"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("path", ["/ksql", "/query", "/query-stream", "/close-query", "/inserts-stream"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_unusable_bodies_are_refused_with_a_code(api: Api, path: str, body: bytes) -> None:
    status, data = api.raw("POST", path, body)
    assert status == 400, data
    assert json.loads(data)["error_code"] in (40000, 40001)


def test_a_huge_body_is_refused(api: Api) -> None:
    status, data = api.raw("POST", "/ksql", b'{"ksql": "' + b"x" * (11 * 1024 * 1024) + b'"}')
    assert (status, json.loads(data)["error_code"]) == (400, 40000)


@pytest.mark.parametrize("cut", [1, 20, 90, 140])
def test_aborted_requests_do_no_harm(api: Api, cut: int) -> None:
    body = b'{"ksql": "SHOW STREAMS;"}'
    whole = b"POST /ksql HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body) + 50, body)
    with socket.create_connection(("127.0.0.1", api.server.port)) as connection:
        connection.sendall(whole[:cut])
    assert api.ksql("SHOW STREAMS;")[0]["@type"] == "streams"


def test_statements_before_a_failing_one_stay(api: Api) -> None:
    status, body = api.refused("/ksql", {"ksql": f"{STREAM} CREATE STREAM x AS SELECT * FROM nowhere;"})  # noqa: S608 - a statement under test
    assert (status, body["@type"], body["error_code"]) == (400, "statement_error", 40001)
    assert [one["@type"] for one in body["entities"]] == ["currentStatus"]
    assert [one["name"] for one in api.ksql("SHOW STREAMS;")[0]["streams"]] == ["S"]


def test_rows_are_inserted_one_by_one(api: Api) -> None:
    api.ksql(STREAM)
    lines = b'{"target": "s"}\n{"ID": "a", "n": 1}\n{"id": "b", "n": "no"}\n{"id": "c", "n": 3}\n'
    status, data = api.raw("POST", "/inserts-stream", lines)
    answers = [json.loads(line) for line in data.splitlines()]
    assert status == 200
    assert [one["status"] for one in answers] == ["ok", "error"]
    assert [one.key for part in api.broker.memory.partitions("s") for one in part] == [b"a"]


def test_select_belongs_to_the_other_address(api: Api) -> None:
    api.ksql(STREAM)
    status, body = api.refused("/ksql", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
    assert (status, body["error_code"]) == (400, 40002)


def test_the_processing_log_is_a_stream(server: MemoryServer) -> None:
    properties = {"ksql.logging.processing.stream.auto.create": "true"}
    with server.engine(properties) as (engine, broker):
        api = Api(server, engine, broker)
        api.ksql(STREAM + TABLE)
        api.add("a", "no JSON")
        wait_until_settled(engine, broker)
        select = "SELECT message->deserializationError->target AS t, message->deserializationError->recordB64 AS r"
        items = read_items(server.post("/query", {"ksql": f"{select} FROM KSQL_PROCESSING_LOG;"}), 9)
        assert [one["row"]["columns"] for one in items if "row" in one] == [["value", None]]


def test_a_dropped_source_ends_its_push_queries(api: Api) -> None:
    api.ksql(STREAM)
    answer = api.server.post("/query", {"ksql": "SELECT * FROM s EMIT CHANGES;"})
    api.ksql("DROP STREAM s;")
    assert read_items(answer, 9)[-1] == {"finalMessage": "Query Completed"}


def test_inserts_are_answered_while_more_may_come(api: Api) -> None:
    api.ksql(STREAM)
    with socket.create_connection(("127.0.0.1", api.server.port), timeout=5) as connection:
        connection.sendall(b"POST /inserts-stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for line in (b'{"target": "S"}\n', b'{"id": "a", "n": 1}\n'):
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        found = b""
        while b'"seq": 0' not in found:
            part = connection.recv(4096)
            assert part, found
            found += part
    assert b'"status": "ok"' in found


SEEDS = [
    "SELECT id, n FROM s WHERE n > 1 LIMIT 3;",
    "SELECT * FROM t WHERE id IN ('a', 'b') AND c BETWEEN 1 AND 2;",
    "SELECT CAST(c AS STRING) || 'x', ARRAY[1, 2][1], MAP('a' := 1)['a'] FROM t;",
    "CREATE STREAM x AS SELECT id, n + 1 AS m FROM s PARTITION BY n;",
    "CREATE TABLE y (a INT PRIMARY KEY, b STRUCT<c ARRAY<INT>>) WITH (KAFKA_TOPIC='y', FORMAT='JSON', PARTITIONS=1);",
    "INSERT INTO s (id, n) VALUES ('a', 1);",
    "EXPLAIN SELECT id, COUNT(*) FROM s WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY id EMIT CHANGES;",
    "ALTER STREAM s ADD COLUMN z INT;",
    "CREATE TYPE ty AS STRUCT<a INT>;",
]
TOKEN = re.compile(r"'[^']*'|\w+|\s+|.")
ODD = ["NULL", "-1", "9999999999999999999", "1e999", "${a}", "`", "'", '"', "->", "=>", "ROWTIME", "(", ")", ";"]


def broken(chance: random.Random) -> str:
    """Return one of SEEDS with some of its parts removed, replaced or doubled."""
    parts = TOKEN.findall(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(parts))
        parts[place] = chance.choice(["", f" {chance.choice(ODD)} ", parts[place] * 2, chance.choice(parts)])
    return "".join(parts)


def test_broken_statements_are_refused_never_fatal(api: Api) -> None:
    api.ksql(STREAM + TABLE)
    chance = random.Random(3)
    for _ in range(150):
        text = broken(chance)
        path = "/query" if text.lstrip().upper().startswith("SELECT") else "/ksql"
        answer = api.server.post(path, {"ksql": text})
        body = answer.read()
        assert answer.status in (200, 400), (text, body)
