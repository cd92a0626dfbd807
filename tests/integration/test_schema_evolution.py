"""Schemas change while the driver runs: a field that a job asks for reaches gold, what cannot be read is kept aside."""

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from pipeline_process import PipelineProcess, lakehouse_of_its_own, rows, running
from position_audit import audit
from schema_versions import NEW_FIELD, later_schema, register
from topic_reading import records_of

from contracts.marketing import (
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_GOLD,
    CUSTOMER_PROFILE,
    GOLD_CUSTOMER_360,
    MARKETING,
    ORDER_PLACED,
    QUARANTINE,
    SILVER_CUSTOMERS,
)
from contracts.model import Topic
from contracts.schemas import load_schema
from contracts.settings import Settings
from webapp.commands.events import Event, order_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config
from webapp.commands.registry import Registry

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

MODULE = "tests.integration.asking_pipeline"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineProcess]:
    with (
        lakehouse_of_its_own(tmp_path_factory.mktemp("evolution")) as settings,
        running(PipelineProcess(settings, MODULE)) as process,
    ):
        yield process


class Sender:
    """A sender with schemas of its own: the project's where `schemas` names none."""

    def __init__(self, settings: Settings, schemas: dict[str, dict[str, Any]] | None = None) -> None:
        for name, schema in (schemas or {}).items():
            register(settings, MARKETING.topic(name), schema)
        self._framer = AvroFramer(settings, MARKETING, schemas=schemas)
        self._producer = Producer(producer_config(settings, 30))

    def send(self, *events: Event) -> None:
        """Send the events; returns when the broker has them."""
        for event in events:
            self._producer.produce(event.topic.name, self._framer.frame(event.topic, event.value), event.key.encode())
        assert self._producer.flush(30) == 0

    def schema_id(self, topic: Topic) -> int:
        """The id its records of `topic` carry."""
        return self._framer.schema_id(topic)


def profile(seed: int, **changes: Any) -> Event:
    event = profile_event(random.Random(seed), time.time_ns() // 1_000_000, lambda: str(uuid.uuid4()))
    return replace(event, value={**(event.value or {}), **changes})


def order(seed: int, customer: Event, **changes: Any) -> Event:
    now_ms = time.time_ns() // 1_000_000
    event = order_event(random.Random(seed), customer.key, now_ms, lambda: str(uuid.uuid4()))
    return replace(event, value={**(event.value or {}), **changes})


def gold_campaigns(settings: Settings) -> dict[str, Any]:
    return {str(row["customer_id"]): row[NEW_FIELD] for row in rows(settings, GOLD_CUSTOMER_360)}


def published_campaigns(settings: Settings) -> dict[str, Any]:
    """The campaign of each customer's last message in the gold topic."""
    values = (json.loads(record.value() or b"{}") for record in records_of(settings, CUSTOMER_GOLD))
    return {value["customer_id"]: value[NEW_FIELD] for value in values}


def both_versions(settings: Settings) -> tuple[Sender, Sender]:
    """The sender of today, and one whose profiles and orders have the new field."""
    later = {topic.name: later_schema(topic) for topic in (CUSTOMER_PROFILE, ORDER_PLACED)}
    return Sender(settings), Sender(settings, later)


def test_a_field_that_a_job_asks_for_reaches_gold_without_a_restart(pipeline: PipelineProcess) -> None:
    settings, pid, jvm = pipeline.settings, pipeline.pid, pipeline.jvm()
    before = profile(1)
    Sender(settings).send(before)
    pipeline.settle()
    assert gold_campaigns(settings) == {before.key: None}, "asked for, and not sent by anyone yet"
    assert NEW_FIELD not in rows(settings, BRONZE_PROFILES)[0]

    today, later = both_versions(settings)
    new, plain, unset = profile(2, campaign="spring"), profile(3), profile(4, campaign=None)
    later.send(new)
    today.send(plain)
    later.send(unset, order(5, new, campaign="mail"))
    today.send(order(6, plain))
    pipeline.settle()

    expected = {before.key: None, new.key: "spring", plain.key: None, unset.key: None}
    assert gold_campaigns(settings) == expected
    assert published_campaigns(settings) == expected
    ids = {row["customer_id"]: row["_schema_id"] for row in rows(settings, BRONZE_PROFILES)}
    assert ids[new.key] == later.schema_id(CUSTOMER_PROFILE) != today.schema_id(CUSTOMER_PROFILE) == ids[plain.key]
    in_bronze = {row["customer_id"]: row[NEW_FIELD] for row in rows(settings, BRONZE_ORDERS)}
    assert in_bronze == {new.key: "mail", plain.key: None}, "bronze keeps what nobody asks for"
    today.send(replace(profile(7, customer_id=new.key), key=new.key))
    later.send(replace(before, value={**(before.value or {}), NEW_FIELD: "autumn"}))
    pipeline.settle()
    expected |= {new.key: None, before.key: "autumn"}
    assert gold_campaigns(settings) == expected, "a full row of an older sender takes the field's value away"
    assert rows(settings, QUARANTINE) == []
    assert (pipeline.pid, pipeline.jvm()) == (pid, jvm)


def test_what_cannot_be_read_goes_to_quarantine_and_the_rest_goes_on(pipeline: PipelineProcess) -> None:
    settings = pipeline.settings
    today, later = both_versions(settings)
    for topic in (CUSTOMER_PROFILE, ORDER_PLACED):
        Registry(settings.registry_url).set_compatibility(topic.subject, "NONE")
    another_type = Sender(settings, {CUSTOMER_PROFILE.name: later_schema(CUSTOMER_PROFILE, kind="long")})
    time_as_text = json.loads(json.dumps(load_schema(MARKETING, ORDER_PLACED)))
    next(field for field in time_as_text["fields"] if field["name"] == "placed_at_ms")["type"] = "string"
    broken = Sender(settings, {ORDER_PLACED.name: time_as_text})

    good, bad = profile(11, campaign="winter"), profile(12, campaign=7)
    another_type.send(bad)
    later.send(good)
    broken.send(order(13, good, placed_at_ms="yesterday"))
    today.send(order(14, good))
    pipeline.settle()

    found = {row["key"]: row for row in rows(settings, QUARANTINE)}
    assert {row["reason"] for row in found.values()} == {"undecodable"}
    assert found.keys() == {bad.key.encode(), good.key.encode()}
    schemas = {CUSTOMER_PROFILE.name: another_type, ORDER_PLACED.name: broken}
    for row in found.values():
        sender = schemas[str(row["topic"])]
        assert row["schema_id"] == sender.schema_id(MARKETING.topic(str(row["topic"])))
    assert gold_campaigns(settings)[good.key] == "winter"
    assert bad.key not in gold_campaigns(settings)
    (row,) = rows(settings, GOLD_CUSTOMER_360, customer_id=good.key)
    assert row["order_count"] == 1
    assert {name: check.examples for name, check in audit(settings).items()} == {
        "complete": [], "judged": [], "replayed": [],
    }  # fmt: skip


def test_added_columns_outlive_a_kill(pipeline: PipelineProcess) -> None:
    settings = pipeline.settings
    today, later = both_versions(settings)
    os.kill(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    old, new = profile(21), profile(22, campaign="summer")
    today.send(old)
    pipeline.start()
    pipeline.settle()
    later.send(new)
    pipeline.settle()
    found = gold_campaigns(settings)
    assert (found[old.key], found[new.key]) == (None, "summer")
    assert {row["customer_id"]: row[NEW_FIELD] for row in rows(settings, SILVER_CUSTOMERS)} == found
    said = (settings.logs_dir / "spark.log").read_text("utf-8")
    assert said.count("has new columns by schema") == 2, "one of profiles and one of orders, each once"
