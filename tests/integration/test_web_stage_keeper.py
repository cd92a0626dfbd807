"""The stage keeper over a real broker and registry; the test plays the streaming SQL's part."""

import json
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer
from web_world import Service, follow, live_row, new_ids, producer, put, station_settings

from contracts.marketing import CUSTOMER_CONSOLIDATED, CUSTOMER_PROFILE, MARKETING
from contracts.schemas import load_schema
from contracts.settings import Settings
from tests.waiting import eventually

pytestmark = pytest.mark.integration
QUIET_S = 2.0
DEADLINE_S = 30.0


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Settings:
    return station_settings(lab_services, tmp_path, 6)


@pytest.fixture
def keeper(settings: Settings) -> Iterator[Service]:
    service = Service(settings, ["webapp.stage_keeper"]).start()
    eventually(lambda: service.is_running("stage-keeper"), what="running stage keeper")
    yield service
    if service.process and service.process.poll() is None:
        assert service.stop() < 5


def decoded(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    schema = fastavro.parse_schema(load_schema(MARKETING, CUSTOMER_PROFILE))
    found: dict[str, Any] = fastavro.schemaless_reader(BytesIO(value[5:]), schema, None)
    return found


class StreamingSql:
    """Plays the streaming SQL for one customer: a published profile comes round as a consolidated row."""

    def __init__(self, settings: Settings, customer_id: str) -> None:
        self.row = live_row(customer_id)
        self.published: list[dict[str, Any] | None] = []
        self._sender: Producer = producer(settings)
        self._profiles = follow(settings, CUSTOMER_PROFILE)
        next(self._profiles)

    def say(self, **changed: Any) -> None:
        self.row.update(changed)
        put(self._sender, CUSTOMER_CONSOLIDATED, self.row["customer_id"], self.row)
        self._sender.flush(10)

    def erase(self) -> None:
        put(self._sender, CUSTOMER_CONSOLIDATED, self.row["customer_id"], None)
        self._sender.flush(10)

    def settle(self, least: int) -> None:
        """Play until `least` profiles came and nothing more comes."""
        quiet_since = began = time.monotonic()
        while len(self.published) < least or time.monotonic() - quiet_since < QUIET_S:
            assert time.monotonic() - began < DEADLINE_S, f"not settled: {self.published}"
            found = next(self._profiles)
            if found is None or found[0] != self.row["customer_id"]:
                continue
            quiet_since = time.monotonic()
            profile = decoded(found[1])
            self.published.append(profile)
            if profile is not None:
                self.say(lifecycle_stage=profile["lifecycle_stage"], is_active=profile["is_active"])


@pytest.fixture
def sql(settings: Settings, keeper: Service) -> StreamingSql:
    return StreamingSql(settings, new_ids(1)[0])


def test_a_prospect_is_left_alone(sql: StreamingSql) -> None:
    sql.say()
    sql.settle(least=0)
    assert sql.published == []


def test_stages_follow_the_numbers_and_settle(sql: StreamingSql) -> None:
    sql.say(order_count=1, lifetime_value_cents=600_000, last_event_at_ms=3_000)
    sql.settle(least=1)
    sql.say(delivered=1, last_event_at_ms=4_000)
    sql.settle(least=2)
    assert len(sql.published) == 2
    first, second = sql.published
    assert first is not None
    assert second is not None
    assert (first["lifecycle_stage"], first["is_active"]) == ("high-value", True)
    assert (first["event_id"], first["occurred_at_ms"]) == (sql.row["last_event_id"], 3_000)
    assert (second["lifecycle_stage"], second["occurred_at_ms"]) == ("evangelist", 4_000)
    assert second["email"] == sql.row["email"]


def test_an_erased_customer_is_left_alone(sql: StreamingSql) -> None:
    sql.say()
    sql.erase()
    sql.settle(least=0)
    assert sql.published == []


def test_killed_before_its_commit_it_settles_all_the_same(
    settings: Settings, sql: StreamingSql, keeper: Service
) -> None:
    sql.say(order_count=1, lifetime_value_cents=500)
    keeper.kill()
    sql.say(order_count=2, lifetime_value_cents=600_000)
    keeper.start()
    sql.settle(least=1)
    last = sql.published[-1]
    assert last is not None
    assert (last["lifecycle_stage"], sql.row["lifecycle_stage"]) == ("high-value", "high-value")


def test_rows_that_are_none_stop_nothing(settings: Settings, sql: StreamingSql) -> None:
    sender = producer(settings)
    sender.produce(CUSTOMER_CONSOLIDATED.name, json.dumps({"customer_id": 7}), sql.row["customer_id"])
    sender.flush(10)
    sql.say(order_count=1, lifetime_value_cents=500)
    sql.settle(least=1)
    assert sql.published[-1] is not None
