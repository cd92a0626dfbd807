"""The projector over a real broker, registry and Redis: whatever is killed or emptied, Redis equals the topics."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from conftest import LabServices
from web_world import Service, live_row, new_ids, producer, put, station_settings, wait_until_projected

from contracts.marketing import (
    CHANGES,
    CLUSTER,
    CUSTOMER_CONSOLIDATED,
    CUSTOMER_GOLD,
    GOLD_VIEW,
    LIVE_VIEW,
    MARKETING,
    POSITIONS,
    PROPENSITY_SCORE,
    PROPENSITY_VIEW,
    RECENT_INDEX,
    SEARCH_INDEX,
)
from contracts.settings import Settings
from scripts.bootstrap.topics import ensure_topics
from tests.waiting import eventually
from webapp.redis_client import Client, connect

pytestmark = pytest.mark.integration
DATABASE = 5


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Settings:
    return station_settings(lab_services, tmp_path, DATABASE)


@pytest.fixture
def cache(settings: Settings) -> Iterator[Client]:
    client = connect(settings, 4)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def projector(settings: Settings, cache: Client) -> Iterator[Service]:
    service = Service(settings, ["webapp.projector"])
    yield service
    if service.process and service.process.poll() is None:
        service.stop()


def row_of(cache: Client, view: Any, customer_id: str) -> dict[str, Any] | None:
    text = cache.get(view.key_for(customer_id))
    return None if text is None else dict(json.loads(text)["row"])


def wait_for_row(cache: Client, view: Any, customer_id: str, **expected: Any) -> None:
    def look() -> bool:
        row = row_of(cache, view, customer_id)
        return row is not None and all(row.get(name) == value for name, value in expected.items())

    eventually(look, what=f"{view.key_for(customer_id)} with {expected}")


def test_a_restart_repeats_nothing(settings: Settings, cache: Client, projector: Service) -> None:
    one, other = new_ids(2)
    sender = producer(settings)
    put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one))
    sender.flush(10)
    projector.start()
    wait_for_row(cache, LIVE_VIEW, one)
    assert projector.stop() < 5
    before = cache.get(LIVE_VIEW.key_for(one))
    put(sender, CUSTOMER_CONSOLIDATED, other, live_row(other))
    sender.flush(10)
    projector.start()
    wait_for_row(cache, LIVE_VIEW, other)
    assert cache.get(LIVE_VIEW.key_for(one)) == before  # not written again


def test_every_change_is_told_with_its_rows_already_there(
    settings: Settings, cache: Client, projector: Service
) -> None:
    (one,) = new_ids(1)
    projector.start()
    eventually(lambda: projector.is_running("projector"), what="running projector")
    wait_until_projected(settings)
    feed = cache.pubsub(ignore_subscribe_messages=True)
    feed.subscribe(CHANGES.key)
    feed.get_message(timeout=5)
    sender = producer(settings)
    put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one))
    sender.flush(10)

    def told() -> bool:
        message = feed.get_message(timeout=1)
        return message is not None and json.loads(message["data"]) == {"customer_id": one, "view": "live"}

    eventually(told, what="change")
    assert row_of(cache, LIVE_VIEW, one) is not None
    feed.close()


def test_an_emptied_redis_is_noticed_and_rebuilt(settings: Settings, cache: Client, projector: Service) -> None:
    ids = new_ids(50)
    sender = producer(settings)
    for customer_id in ids:
        put(sender, CUSTOMER_CONSOLIDATED, customer_id, live_row(customer_id))
    sender.flush(10)
    projector.start()
    wait_for_row(cache, LIVE_VIEW, ids[-1])
    eventually(lambda: projector.is_running("projector"), what="running projector")
    cache.flushdb()
    for customer_id in ids:
        wait_for_row(cache, LIVE_VIEW, customer_id)
    assert all(cache.zscore(RECENT_INDEX.key, customer_id) for customer_id in ids)
    assert cache.exists(CLUSTER.key)


def test_a_redis_that_went_back_in_time_is_caught_up(settings: Settings, cache: Client, projector: Service) -> None:
    one, other = new_ids(2)
    sender = producer(settings)
    put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one))
    sender.flush(10)
    projector.start()
    wait_for_row(cache, LIVE_VIEW, one)
    positions = cache.hgetall(POSITIONS.key)
    put(sender, CUSTOMER_CONSOLIDATED, other, live_row(other))
    sender.flush(10)
    wait_for_row(cache, LIVE_VIEW, other)
    with cache.pipeline(transaction=True) as pipe:  # as after a kill that lost the last write
        pipe.delete(LIVE_VIEW.key_for(other))
        pipe.hset(POSITIONS.key, mapping=positions)
        pipe.execute()
    wait_for_row(cache, LIVE_VIEW, other)


def test_killed_again_and_again_it_ends_at_the_newest_rows(
    settings: Settings, cache: Client, projector: Service
) -> None:
    ids = new_ids(20)
    rounds = 150
    sent = threading.Event()

    def send() -> None:
        sender = producer(settings)
        for count in range(1, rounds + 1):
            for customer_id in ids:
                put(sender, CUSTOMER_CONSOLIDATED, customer_id, live_row(customer_id, order_count=count))
            sender.flush(10)
        sent.set()

    thread = threading.Thread(target=send)
    thread.start()
    for least in (5, 50, 100):
        projector.start()
        eventually(
            lambda least=least: (row_of(cache, LIVE_VIEW, ids[0]) or {}).get("order_count", 0) >= least, what="progress"
        )
        projector.kill()
    thread.join(60)
    assert sent.is_set()
    projector.start()
    for customer_id in ids:
        wait_for_row(cache, LIVE_VIEW, customer_id, order_count=rounds)


def test_gold_only_moves_forward_and_an_erase_leaves_nothing(
    settings: Settings, cache: Client, projector: Service
) -> None:
    one, last = new_ids(2)
    sender = producer(settings)
    put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one))
    put(sender, CUSTOMER_GOLD, one, {"customer_id": one, "version": 5})
    put(sender, CUSTOMER_GOLD, one, {"customer_id": one, "version": 4})
    sender.flush(10)
    projector.start()
    wait_for_row(cache, GOLD_VIEW, one, version=5)
    put(sender, CUSTOMER_GOLD, one, {"customer_id": one, "version": 3})
    sender.flush(10)
    for topic in (CUSTOMER_CONSOLIDATED, CUSTOMER_GOLD):
        put(sender, topic, one, None)
    put(sender, CUSTOMER_CONSOLIDATED, last, live_row(last))
    sender.flush(10)
    wait_for_row(cache, LIVE_VIEW, last)
    eventually(lambda: not cache.exists(LIVE_VIEW.key_for(one), GOLD_VIEW.key_for(one)), what="erase")
    assert cache.zscore(RECENT_INDEX.key, one) is None
    assert not [entry for entry in cache.zrange(SEARCH_INDEX.key, 0, -1) if entry.endswith(one)]


def test_what_cannot_be_decoded_stops_nothing(settings: Settings, cache: Client, projector: Service) -> None:
    one, other = new_ids(2)
    sender = producer(settings)
    sender.produce(CUSTOMER_CONSOLIDATED.name, b"{not json", one)
    put(sender, CUSTOMER_CONSOLIDATED, other, live_row(other))
    sender.flush(10)
    projector.start()
    wait_for_row(cache, LIVE_VIEW, other)
    assert row_of(cache, LIVE_VIEW, one) is None


def test_views_of_another_cluster_are_refused(settings: Settings, cache: Client, projector: Service) -> None:
    cache.set(CLUSTER.key, "another-cluster")
    projector.start()
    assert projector.process is not None
    assert projector.process.wait(20) == 78
    assert "make clear" in projector.log.read_text("utf-8")


def test_reset_on_start_rebuilds_even_those(settings: Settings, cache: Client, projector: Service) -> None:
    (one,) = new_ids(1)
    cache.set(CLUSTER.key, "another-cluster")
    cache.set(LIVE_VIEW.key_for("left-over"), "{}")
    sender = producer(settings)
    put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one))
    sender.flush(10)
    projector.more = {"RESET_CACHE_ON_START": "1"}
    projector.start()
    wait_for_row(cache, LIVE_VIEW, one)
    assert not cache.exists(LIVE_VIEW.key_for("left-over"))


def test_a_topic_made_anew_rebuilds_the_views(
    lab_services: LabServices, settings: Settings, cache: Client, projector: Service
) -> None:
    """Even where the broker was started again before: the old topic's leader epoch is then ahead of the new one's."""
    lab_services.lab.restart("kafka", print)
    one, other = new_ids(2)
    sender = producer(settings)
    put(sender, PROPENSITY_SCORE, one, {"customer_id": one, "score": 0.5})
    sender.flush(10)
    projector.start()
    wait_for_row(cache, PROPENSITY_VIEW, one)
    admin = AdminClient(settings.kafka_client)
    admin.delete_topics([PROPENSITY_SCORE.name], operation_timeout=10)[PROPENSITY_SCORE.name].result(15)
    eventually(lambda: PROPENSITY_SCORE.name not in admin.list_topics(timeout=5).topics, what="deletion")
    ensure_topics(settings, MARKETING)
    described = admin.describe_topics(TopicCollection([PROPENSITY_SCORE.name]))
    assert described[PROPENSITY_SCORE.name].result(10).topic_id
    fresh = producer(settings)
    put(fresh, PROPENSITY_SCORE, other, {"customer_id": other, "score": 0.7})
    assert fresh.flush(20) == 0
    wait_for_row(cache, PROPENSITY_VIEW, other)
    eventually(lambda: row_of(cache, PROPENSITY_VIEW, one) is None, what="removal of rows the topic no longer has")
