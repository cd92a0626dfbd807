"""Topics and schemas are made, left alone, corrected or refused, on a real broker and a real registry."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # its types forget to export them

from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.model import Cleanup, Format, Lab, Station, Topic
from contracts.settings import Settings
from scripts.bootstrap.errors import BrokerRefused, SchemaRefused, TopicMismatch
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from webapp.commands.registry import Registry, schema_text

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(lab_services: Any) -> Settings:
    running: Settings = lab_services.settings
    return running


@pytest.fixture
def lab() -> Lab:
    """A lab of two topics that nobody else uses; its schemas are those of the marketing lab."""
    suffix = uuid.uuid4().hex[:8]
    events = replace(ORDER_PLACED, name=f"test.order.{suffix}")
    rows = Topic(
        f"test.rows.{suffix}", Format.JSON, "id", "rows", (Station.SPARK,), (Station.PROJECTOR,), Cleanup.COMPACT
    )
    return Lab(name=MARKETING.name, topics=(events, rows), tables=(), views=())


def config_of(settings: Settings, topic: Topic) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    admin = AdminClient(settings.kafka_client)
    (answer,) = admin.describe_configs([resource]).values()
    return {key: entry.value for key, entry in answer.result(10).items()}


def test_topics_are_made_as_declared_and_twice_changes_nothing(settings: Settings, lab: Lab) -> None:
    first = ensure_topics(settings, lab)
    assert first.changed == 2
    listed = AdminClient(settings.kafka_client).list_topics(timeout=10).topics
    for topic in lab.topics:
        assert len(listed[topic.name].partitions) == topic.partitions
        assert topic.config.items() <= config_of(settings, topic).items()
    second = ensure_topics(settings, lab)
    assert second.changed == 0
    assert all(": unchanged" in line for line in second.lines)


def test_two_at_once_do_not_get_in_each_others_way(settings: Settings, lab: Lab) -> None:
    with ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(lambda _: ensure_topics(settings, lab), range(4)))
    assert max(report.changed for report in reports) <= 2
    assert ensure_topics(settings, lab).changed == 0


def test_the_labs_own_topics_and_schemas_twice_change_nothing(settings: Settings) -> None:
    ensure_topics(settings, MARKETING)
    ensure_schemas(settings, MARKETING)
    assert ensure_topics(settings, MARKETING).changed == 0
    assert ensure_schemas(settings, MARKETING).changed == 0


def test_another_cleanup_policy_is_corrected(settings: Settings, lab: Lab) -> None:
    ensure_topics(settings, lab)
    events, rows = lab.topics
    compacted = replace(lab, topics=(replace(events, cleanup=Cleanup.COMPACT), rows))
    report = ensure_topics(settings, compacted)
    assert report.changed == 1
    assert "altered cleanup.policy delete → compact" in report.lines[0]
    assert config_of(settings, events)["cleanup.policy"] == "compact"


def test_another_number_of_partitions_is_an_error_with_its_remedy(settings: Settings, lab: Lab) -> None:
    ensure_topics(settings, lab)
    events, rows = lab.topics
    wider = replace(lab, topics=(replace(events, partitions=3), rows))
    with pytest.raises(TopicMismatch, match=rf"{events.name} has 2 partitions, the contract says 3.*make clear"):
        ensure_topics(settings, wider)


def test_settings_the_broker_refuses_are_named(settings: Settings, lab: Lab) -> None:
    wrong = replace(lab, topics=(replace(lab.topics[0], retention_ms=-5),))
    with pytest.raises(BrokerRefused, match=rf"{lab.topics[0].name} was not created: .*retention\.ms"):
        ensure_topics(settings, wrong)


def test_schemas_are_registered_once_with_backward_compatibility(settings: Settings, lab: Lab) -> None:
    subject = lab.topics[0].subject
    report = ensure_schemas(settings, lab)
    assert report.changed == 1
    assert "registered order_placed.avsc as version 1" in report.lines[0]
    registry = Registry(settings.registry_url)
    assert registry.compatibility(subject) == "BACKWARD"
    assert registry.schema_id(subject, schema_text(lab, lab.topics[0])) is not None
    assert ensure_schemas(settings, lab).changed == 0
    assert registry.versions(subject) == [1]


def test_another_compatibility_level_is_set_back(settings: Settings, lab: Lab) -> None:
    ensure_schemas(settings, lab)
    Registry(settings.registry_url).set_compatibility(lab.topics[0].subject, "NONE")
    report = ensure_schemas(settings, lab)
    assert (report.changed, report.lines) == (1, [f"{lab.topics[0].subject}: compatibility set to BACKWARD"])


def test_an_incompatible_schema_is_refused_with_the_registrys_reason(settings: Settings, lab: Lab) -> None:
    """The subject holds an order without most of its fields; ours adds them without a default."""
    topic = lab.topics[0]
    older = json.loads(schema_text(lab, topic))
    older["fields"] = [field for field in older["fields"] if field["name"] != "order_total_cents"]
    registry = Registry(settings.registry_url)
    registry.register(topic.subject, json.dumps(older))
    with pytest.raises(SchemaRefused) as refused:
        ensure_schemas(settings, lab)
    message = str(refused.value)
    assert f"order_placed.avsc is refused for {topic.subject}" in message
    assert "ncompatible" in message
    assert "order_total_cents" in message
    assert registry.versions(topic.subject) == [1]
