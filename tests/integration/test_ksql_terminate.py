"""The end of a service with real Kafka: queries in workers, topics, and what is there after a restart."""

# ruff: noqa: S608 - statements are made of test data
from __future__ import annotations

import json
import signal
import urllib.error
import uuid

import pytest
from confluent_kafka.admin import AdminClient
from conftest import LabServices
from engine_process import EngineProcess

from tests.waiting import eventually

pytestmark = pytest.mark.integration


def test_a_terminated_service_is_empty_when_it_starts_again(engine: EngineProcess, lab_services: LabServices) -> None:
    name = f"T{uuid.uuid4().hex[:8]}".upper()
    statements = (
        f"CREATE STREAM {name} (id VARCHAR KEY, n INTEGER) "
        f"WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        f"CREATE TABLE {name}_SUM AS SELECT id, SUM(n) AS total FROM {name} GROUP BY id;"
        f"CREATE STREAM {name}_COPY AS SELECT * FROM {name};"
    )
    engine.ksql(statements)
    engine.ksql(f"INSERT INTO {name} VALUES ('a', 1);")
    eventually(lambda: engine.rows(f"SELECT * FROM {name}_SUM;") == [["a", 1]])
    ended = json.loads(engine.post("/ksql/terminate", {"deleteTopicList": [f"{name}_S.*", name]}))
    assert ended[0]["commandStatus"]["status"] == "SUCCESS"
    with pytest.raises(urllib.error.HTTPError) as refused:
        engine.ksql("SHOW STREAMS;")
    assert json.loads(refused.value.read())["error_code"] == 50303
    admin = AdminClient(lab_services.settings.kafka_client)
    eventually(lambda: f"{name}_SUM" not in admin.list_topics(timeout=10).topics)
    assert {name, f"{name}_COPY"} <= set(admin.list_topics(timeout=10).topics)
    engine.end(signal.SIGTERM)
    engine.start()
    engine.wait_ready()
    assert engine.ksql("SHOW QUERIES;")[0]["queries"] == []
    assert engine.ksql("SHOW STREAMS;")[0]["streams"] == []
    engine.ksql(statements)
    eventually(lambda: engine.rows(f"SELECT * FROM {name}_SUM;") == [["a", 1]])
