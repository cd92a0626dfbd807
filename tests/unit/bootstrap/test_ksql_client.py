"""ksql-python, as the lab uses it: every defect of the client that matters here is covered."""

from typing import Any

import pytest

from contracts.settings import Settings
from scripts.ksql_client import KsqlDown, KsqlError, column_names, connect, execute, query

HEADER = '[{"header":{"queryId":"q1","schema":"`id` STRING, `n1` BIGINT, `price` DECIMAL(4, 2)"}},\n'


@pytest.fixture
def api(ksql_server: Any) -> Any:
    return connect(Settings(ksql_server=ksql_server.url))


def test_it_is_ksql_python(api: Any) -> None:
    assert type(api).__module__ == "ksql.client"


def test_an_answer_that_is_empty_is_no_error(api: Any) -> None:
    assert execute(api, "SET 'a'='b';") == []


def test_a_refusal_carries_the_servers_reason_and_code(api: Any, ksql_server: Any) -> None:
    ksql_server.refuses = {"X"}
    with pytest.raises(KsqlError, match="Cannot upgrade X") as refused:
        execute(api, "CREATE STREAM x (a INT KEY);")
    assert refused.value.code == 40001


@pytest.mark.parametrize("end", ['{"row":{"columns":["b",2,null]}}]', '{"row":{"columns":["b",2,null]}},\n]\n'])
def test_rows_of_a_finished_query(api: Any, ksql_server: Any, end: str) -> None:
    """ksqlDB ends with a bare bracket, the embedded engine with one on a line of its own."""
    ksql_server.query_lines = [HEADER, '{"row":{"columns":["a",1,9.5]}},\n', "\n", end]
    assert list(query(api, "SELECT * FROM t;")) == [
        {"id": "a", "n1": 1, "price": 9.5},
        {"id": "b", "n1": 2, "price": None},
    ]


def test_a_query_without_rows(api: Any, ksql_server: Any) -> None:
    ksql_server.query_lines = [HEADER.replace(",\n", "]\n")]
    assert list(query(api, "SELECT * FROM t;")) == []


def test_a_query_that_reached_its_limit(api: Any, ksql_server: Any) -> None:
    ksql_server.query_lines = [HEADER, '{"row":{"columns":["a",1,1]}},\n', '{"finalMessage":"Limit Reached"}]\n']
    assert [row["id"] for row in query(api, "SELECT * FROM t LIMIT 1;")] == ["a"]


def test_a_query_that_fails_on_its_way(api: Any, ksql_server: Any) -> None:
    ksql_server.query_lines = [HEADER, '{"errorMessage":{"message":"state is gone"}}]\n']
    with pytest.raises(KsqlError, match="state is gone"):
        list(query(api, "SELECT * FROM t;"))


def test_a_server_that_goes_away_is_said_to_be_down(ksql_server: Any) -> None:
    api = connect(Settings(ksql_server=ksql_server.url))
    api.sa.url = "http://127.0.0.1:9"
    with pytest.raises(KsqlDown, match="does not answer"):
        execute(api, "SHOW STREAMS;")


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ("`A` STRING KEY, `b1` BIGINT", ["A", "b1"]),
        ("`s` STRUCT<`x` INTEGER, `y` ARRAY<STRING>>, `d` DECIMAL(4, 2)", ["s", "d"]),
        ("`a, b` STRING, C INTEGER", ["a, b", "C"]),
        ("", []),
    ],
)
def test_column_names(schema: str, names: list[str]) -> None:
    assert column_names(schema) == names
