"""Changes reach every browser; a slow one never holds up the others."""

import json
import queue
import threading
from typing import Any
from unittest.mock import create_autospec

import pytest
from webapp_world import ADA, World, customer

from webapp.changes import HEARTBEAT, QUEUED, REFETCH, ChangeHub, Stream, message
from webapp.errors import RedisUnavailable, TooManyStreams
from webapp.read_model import Change, ChangeFeed, Customer, ReadModel
from webapp.show import change

WAIT_S = 5.0


class Feed:
    """Stands for the subscription: gives what a test puts in."""

    def __init__(self) -> None:
        self.batches: queue.Queue[list[Change] | Exception] = queue.Queue()
        self.closed = threading.Event()

    def read(self, timeout_s: float, at_most: int = 0) -> list[Change]:
        try:
            batch = self.batches.get(timeout=0.01)
        except queue.Empty:
            return []
        if isinstance(batch, Exception):
            raise batch
        return batch


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def hub(feed: Feed) -> Any:
    read_model = create_autospec(ReadModel, instance=True)
    fake = create_autospec(ChangeFeed, instance=True)
    fake.read.side_effect = feed.read
    fake.close.side_effect = feed.closed.set
    read_model.changes.return_value = fake
    read_model.customers_by_id.side_effect = lambda ids: [customer() if i == ADA else Customer(i) for i in ids]
    made = ChangeHub(read_model, change, most=2)
    yield made
    made.close()


def take(texts: Any, event: str) -> Any:
    """The data of the next event called `event`."""
    for text in texts:
        for part in text.split("\n\n"):
            if part.startswith(f"event: {event}\n"):
                return json.loads(part.split("data: ", 1)[1])
    raise AssertionError(f"no {event}")


def test_a_change_reaches_every_browser_with_the_row_as_it_is_shown(hub: ChangeHub, feed: Feed) -> None:
    with hub.stream() as one, hub.stream() as other:
        feed.batches.put([Change(ADA, "live")])
        for stream in (one, other):
            data = take(stream.texts(), "change")
            assert (data["customer_id"], data["view"]) == (ADA, "live")
            assert data["row"]["live_value"] == "$1,234.56"


def test_a_customer_that_is_gone_has_no_row(hub: ChangeHub, feed: Feed) -> None:
    with hub.stream() as stream:
        feed.batches.put([Change("gone", "live")])
        assert take(stream.texts(), "change")["row"] is None


def test_a_flood_is_one_refetch(hub: ChangeHub, feed: Feed) -> None:
    with hub.stream() as stream:
        texts = stream.texts()
        take(texts, "refetch")  # the greeting of a new subscription
        feed.batches.put([Change(str(number), "live") for number in range(1000)])
        assert next(texts) == REFETCH


def test_after_an_outage_browsers_fetch_anew(hub: ChangeHub, feed: Feed) -> None:
    with hub.stream() as stream:
        texts = stream.texts()
        take(texts, "refetch")
        feed.batches.put(RedisUnavailable("gone"))
        assert take(texts, "refetch") == {}
        feed.batches.put([Change(ADA, "gold")])
        assert take(texts, "change")["view"] == "gold"


def test_places_are_limited_and_come_free(hub: ChangeHub) -> None:
    with hub.stream():
        with hub.stream(), pytest.raises(TooManyStreams), hub.stream():
            pass
        with hub.stream():
            pass


def test_the_subscription_ends_with_the_last_browser_and_begins_anew(hub: ChangeHub, feed: Feed) -> None:
    with hub.stream() as first:
        take(first.texts(), "refetch")  # the subscription stands
    assert feed.closed.wait(WAIT_S)
    with hub.stream() as stream:
        feed.batches.put([Change(ADA, "live")])
        assert take(stream.texts(), "change")["customer_id"] == ADA


def test_a_slow_browser_is_told_to_fetch_anew() -> None:
    stream = Stream()
    for number in range(QUEUED + 1):
        stream.offer(message("change", number))
    assert next(stream.texts()) == REFETCH


def test_a_quiet_stream_sends_a_comment_now_and_then() -> None:
    assert next(Stream().texts(heartbeat_s=0.01)) == HEARTBEAT


def test_closing_ends_every_stream(hub: ChangeHub) -> None:
    with hub.stream() as stream:
        hub.close()
        assert list(stream.texts()) == []
    with pytest.raises(TooManyStreams), hub.stream():
        pass


def test_the_stream_greets_with_health_and_a_refetch(world: World) -> None:
    answer = world.get("/events", buffered=False)
    assert answer.mimetype == "text/event-stream"
    first = next(iter(answer.response)).decode()
    assert first.startswith("retry: ")
    assert "event: health" in first
    assert "event: refetch" in first
    answer.close()
    with world.hub.stream(), world.hub.stream():  # the place came free
        assert world.get("/events").status_code == 503
