"""Both Python clients of ksqlDB, unchanged, play one session against the engine: create, insert, pull, push, drop."""

# ruff: noqa: S608 - statements are made of test names

import asyncio
import json
import uuid
from typing import Any

import pytest
from engine_process import EngineProcess
from ksqldb import KSQLdbClient

from contracts.settings import Settings
from scripts import ksql_client
from tests.waiting import eventually

pytestmark = pytest.mark.integration
ROWS = [{"ID": "a", "N": 1}, {"ID": "a", "N": 2}]
EARLIEST = {"auto.offset.reset": "earliest"}


@pytest.fixture
def name() -> str:
    return f"C{uuid.uuid4().hex[:8]}".upper()


def created(name: str) -> str:
    return (
        f"CREATE STREAM {name} (ID VARCHAR KEY, N INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=2, VALUE_FORMAT='AVRO');"
        f"CREATE TABLE {name}_SUM AS SELECT ID, SUM(N) AS TOTAL FROM {name} GROUP BY ID;"
    )


def dropped(name: str) -> str:
    return f"DROP TABLE {name}_SUM DELETE TOPIC; DROP STREAM {name} DELETE TOPIC;"


def test_ksql_python(engine: EngineProcess, name: str) -> None:
    api = ksql_client.connect(Settings(_env_file=None, ksql_server=engine.url))
    statuses = ksql_client.execute(api, created(name), EARLIEST)
    assert [each["commandStatus"]["status"] for each in statuses] == ["SUCCESS", "SUCCESS"]
    answers = api.inserts_stream(name, ROWS)
    assert [each["status"] for each in answers] == ["ok", "ok"]
    pull = f"SELECT ID, TOTAL FROM {name}_SUM WHERE ID = 'a';"
    eventually(lambda: list(ksql_client.query(api, pull)) == [{"ID": "a", "TOTAL": 3}])
    pushed = list(ksql_client.query(api, f"SELECT ID, N FROM {name} EMIT CHANGES LIMIT 2;", EARLIEST))
    assert pushed == ROWS
    (described,) = ksql_client.execute(api, f"DESCRIBE {name}_SUM EXTENDED;")
    assert described["sourceDescription"]["keyFormat"] == "KAFKA"
    with pytest.raises(ksql_client.KsqlError, match="Could not find"):
        ksql_client.execute(api, "DESCRIBE NOBODY;")
    ksql_client.execute(api, dropped(name))
    assert name not in json.dumps(ksql_client.execute(api, "SHOW STREAMS;"))


def test_ksqldb_over_http2(engine: EngineProcess, name: str) -> None:
    client: Any = KSQLdbClient(engine.url)
    statuses = client.ksql(created(name), stream_properties=EARLIEST)
    assert [each["commandStatus"]["status"] for each in statuses] == ["SUCCESS", "SUCCESS"]
    answers = client.inserts_stream(name, ROWS)
    assert [each["status"] for each in answers] == ["ok", "ok"]
    pull = f"SELECT ID, TOTAL FROM {name}_SUM WHERE ID = 'a';"
    eventually(lambda: ["a", 3] in client.query_sync(pull))

    async def push() -> list[Any]:
        sql = f"SELECT ID, N FROM {name} EMIT CHANGES LIMIT 2;"
        return [row async for row in client.query_async(sql, stream_properties=EARLIEST)]

    header, *rows = asyncio.run(push())
    assert header["columnNames"] == ["ID", "N"]
    assert rows == [["a", 1], ["a", 2]]
    (described,) = client.ksql(f"DESCRIBE {name}_SUM;")
    assert described["sourceDescription"]["type"] == "TABLE"
    client.ksql(dropped(name))
    assert name not in json.dumps(client.ksql("SHOW STREAMS;"))
