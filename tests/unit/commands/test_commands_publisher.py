"""Publishing against librdkafka's own mock broker and a registry of the test."""

import random
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import fastavro
import pytest

from contracts.marketing import CUSTOMER_PROFILE, MARKETING, ORDER_PLACED
from contracts.settings import Settings
from webapp.commands.errors import RegistryDown, RegistryRefused
from webapp.commands.events import Event, erase_event, order_event
from webapp.commands.framing import AvroFramer, header
from webapp.commands.publisher import Ack, EventPublisher, PublishError, producer_config
from webapp.commands.registry import Registry

CUSTOMER = "0a5c9a3e-5b0c-4f58-9d57-1f4b5c1d2e3f"


def an_order(customer_id: str = CUSTOMER) -> Event:
    return order_event(random.Random(), customer_id, 1_790_000_000_000, lambda: str(uuid.uuid4()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(registry_server: Any) -> Settings:
    for number, topic in enumerate(MARKETING.with_schema(), 1):
        registry_server.answers[f"POST /subjects/{topic.subject}"] = (200, {"id": number, "version": 1})
    return Settings(schema_registry=registry_server.url, kafka_security={"test.mock.num.brokers": "1"})


@pytest.fixture
def publisher(settings: Settings) -> Iterator[EventPublisher]:
    publisher = EventPublisher(settings, MARKETING)
    yield publisher
    publisher.close()


def test_an_event_is_acknowledged_with_its_position(publisher: EventPublisher) -> None:
    event = an_order()
    first, second = publisher.publish(event), publisher.publish(event)
    assert isinstance(first, Ack)
    assert (first.topic, first.event_id) == (ORDER_PLACED.name, event.event_id)
    assert (second.partition, second.offset) == (first.partition, first.offset + 1)


def test_a_single_event_does_not_wait_for_others(publisher: EventPublisher) -> None:
    publisher.publish(an_order())
    started = time.monotonic()
    for _ in range(20):
        publisher.publish(an_order())
    assert time.monotonic() - started < 2.0


def test_an_erase_has_no_value_and_no_event_id(publisher: EventPublisher) -> None:
    assert publisher.publish(erase_event(CUSTOMER)).event_id == ""


def test_many_threads_publish_at_once(publisher: EventPublisher) -> None:
    events = [an_order(str(uuid.uuid4())) for _ in range(200)]
    with ThreadPoolExecutor(16) as threads:
        acks = list(threads.map(publisher.publish, events))
    assert [ack.event_id for ack in acks] == [event.event_id for event in events]
    assert len({(ack.partition, ack.offset) for ack in acks}) == len(events)


def test_the_schema_id_is_asked_for_once(publisher: EventPublisher, registry_server: Any) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(publisher.publish, [an_order() for _ in range(40)]))
    assert [request for request, _ in registry_server.asked] == [f"POST /subjects/{ORDER_PLACED.subject}"]


def test_a_producer_that_failed_for_good_is_replaced(publisher: EventPublisher) -> None:
    publisher.publish(an_order())
    broken = publisher._connection
    assert broken is not None
    broken.broken.set()
    publisher.publish(an_order())
    assert publisher._connection is not broken
    assert not broken._thread.is_alive()


def test_after_close_the_next_event_connects_again(publisher: EventPublisher) -> None:
    publisher.publish(an_order())
    publisher.close()
    assert publisher.publish(an_order()).offset == 0


def test_warming_up_asks_for_every_schema_id(publisher: EventPublisher, registry_server: Any) -> None:
    publisher.warm_up()
    asked = {request for request, _ in registry_server.asked}
    assert asked == {f"POST /subjects/{topic.subject}" for topic in MARKETING.with_schema()}
    publisher.publish(an_order())
    assert len(registry_server.asked) == len(asked)


def test_warming_up_does_not_fail_when_all_is_down() -> None:
    away = f"127.0.0.1:{free_port()}"
    publisher = EventPublisher(Settings(schema_registry=f"http://{away}", kafka_bootstrap=away), MARKETING)
    publisher.warm_up()
    publisher.close(0)


def test_a_registry_that_is_down_is_named() -> None:
    port = free_port()
    publisher = EventPublisher(Settings(schema_registry=f"http://127.0.0.1:{port}"), MARKETING)
    with pytest.raises(PublishError, match=rf"schema registry at http://127.0.0.1:{port} does not answer") as failed:
        publisher.publish(an_order())
    assert not failed.value.outcome_unknown


def test_a_registry_without_the_schema_says_what_to_do(registry_server: Any) -> None:
    publisher = EventPublisher(Settings(schema_registry=registry_server.url), MARKETING)
    with pytest.raises(PublishError, match=r"no schema like order_placed\.avsc .*make schemas"):
        publisher.publish(an_order())


def test_a_registry_that_comes_back_is_asked_again(settings: Settings, registry_server: Any) -> None:
    request = f"POST /subjects/{ORDER_PLACED.subject}"
    answer = registry_server.answers.pop(request)
    publisher = EventPublisher(settings, MARKETING)
    with pytest.raises(PublishError):
        publisher.publish(an_order())
    registry_server.answers[request] = answer
    assert publisher.publish(an_order()).offset == 0
    publisher.close()


def test_a_broker_that_is_down_leaves_the_outcome_unknown(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka_security": {}, "kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    publisher = EventPublisher(away, MARKETING, delivery_timeout_s=0.5)
    event = an_order()
    with pytest.raises(PublishError, match="outcome unknown") as failed:
        publisher.publish(event, timeout_s=3)
    assert failed.value.outcome_unknown
    assert event.event_id in str(failed.value)
    assert away.bootstrap in str(failed.value)
    publisher.close(0)


def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka_security": {}, "kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    publisher = EventPublisher(away, MARKETING)
    started = time.monotonic()
    with pytest.raises(PublishError, match=r"no answer within 0\.2 s"):
        publisher.publish(an_order(), timeout_s=0.2)
    assert time.monotonic() - started < 2
    publisher.close(0)


def test_a_value_that_does_not_fit_its_schema_is_refused(publisher: EventPublisher) -> None:
    with pytest.raises(PublishError, match=r"does not fit order_placed\.avsc"):
        publisher.publish(Event(ORDER_PLACED, CUSTOMER, {"event_id": "e", "customer_id": CUSTOMER}))


def test_values_are_framed_with_the_schema_id(settings: Settings) -> None:
    framer = AvroFramer(settings, MARKETING)
    event = an_order()
    value = framer.frame(event.topic, event.value) or b""
    assert value[:5] == header(2) == b"\x00\x00\x00\x00\x02"
    decoded = fastavro.schemaless_reader(BytesIO(value[5:]), framer.parsed_schema(ORDER_PLACED), None)
    assert decoded == event.value
    assert framer.frame(CUSTOMER_PROFILE, None) is None


def test_every_producer_is_safe_and_agrees_on_partitions() -> None:
    config = producer_config(Settings(), 5)
    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["partitioner"] == "murmur2_random"
    assert config["message.timeout.ms"] == 5000


def test_the_registry_says_why_it_refuses(registry_server: Any) -> None:
    registry_server.answers["POST /subjects/s/versions"] = (409, {"error_code": 409, "message": "not compatible"})
    with pytest.raises(RegistryRefused, match=r"not compatible \(HTTP 409\)"):
        Registry(registry_server.url).register("s", "{}")


def test_a_failing_registry_counts_as_down(registry_server: Any) -> None:
    registry_server.answers["GET /config/s"] = (503, b"starting")
    with pytest.raises(RegistryDown, match=r"failed \(503\): starting"):
        Registry(registry_server.url).compatibility("s")
