"""The services that the other integration tests rely on answer, each in its own protocol."""

from collections.abc import Callable

import pytest
import redis
import requests
from confluent_kafka import Consumer, Producer

pytestmark = pytest.mark.integration


def test_a_record_goes_through_the_broker(lab_services, make_topic: Callable[..., str]) -> None:
    topic = make_topic(partitions=1, cleanup_policy="compact")
    producer = Producer({"bootstrap.servers": lab_services.bootstrap})
    producer.produce(topic, b"hello", key=b"k")
    assert producer.flush(20) == 0
    reader = Consumer({"bootstrap.servers": lab_services.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    record = reader.poll(30)
    reader.close()
    assert record is not None
    assert (record.key(), record.value()) == (b"k", b"hello")


def test_topics_get_names_of_their_own(make_topic: Callable[..., str]) -> None:
    assert make_topic() != make_topic(partitions=3)


def test_the_registry_speaks_the_confluent_api(lab_services) -> None:
    url = f"{lab_services.registry_url}/subjects/fixture-value/versions"
    answer = requests.post(url, json={"schema": '{"type": "string"}'}, timeout=20)
    assert answer.json()["id"] > 0


def test_redis_keeps_what_it_is_given(lab_services) -> None:
    client = redis.Redis.from_url(lab_services.redis_url)
    client.set("fixture", "1")
    assert client.get("fixture") == b"1"
    assert client.config_get("appendonly") == {"appendonly": "yes"}
