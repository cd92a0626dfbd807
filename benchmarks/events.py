"""Orders, customers and activations in a broker of their own, for the benchmarks."""

import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer

from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.lab import NativeLab
from scripts.stack.trial import trial_lab
from webapp.commands.events import Event, activation_event, order_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

DELIVERY_S = 120
ORDERS_FOR_AN_ACTIVATION = 10


def id_source(rng: random.Random) -> Callable[[], str]:
    """Random UUIDs that the seed decides."""
    return lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4))


def profile(rng: random.Random) -> Event:
    """A customer of now."""
    return profile_event(rng, time.time_ns() // 1_000_000, id_source(rng))


def events(orders: int, customers: int, rng: random.Random) -> Iterator[Event]:
    """All profiles, then orders of customers drawn evenly, and an activation with every tenth."""
    now_ms, new_id, keys = time.time_ns() // 1_000_000, id_source(rng), []
    for _ in range(customers):
        event = profile(rng)
        keys.append(event.key)
        yield event
    for number in range(orders):
        customer_id = rng.choice(keys)
        yield order_event(rng, customer_id, now_ms, new_id)
        if number % ORDERS_FOR_AN_ACTIVATION == 0:
            yield activation_event(rng, customer_id, now_ms, new_id)


def preload(settings: Settings, found: Iterable[Event]) -> None:
    """Write events to their topics and wait for the broker.

    Raises:
        TimeoutError: the broker does not take them.
    """
    framer = AvroFramer(settings, MARKETING)
    more = {"linger.ms": 50, "queue.buffering.max.messages": 200_000}
    producer = Producer({**producer_config(settings, DELIVERY_S), **more})
    for event in found:
        value = framer.frame(event.topic, event.value)
        refused_since = time.monotonic()
        while not _produced(producer, event, value):
            if time.monotonic() - refused_since > DELIVERY_S:
                raise TimeoutError(f"the broker took nothing for {DELIVERY_S} s")
    if left := producer.flush(DELIVERY_S):
        raise TimeoutError(f"the broker did not take {left:,} events within {DELIVERY_S} s")


def _produced(producer: Producer, event: Event, value: bytes | None) -> bool:
    """Queue a record; False when the queue was full."""
    try:
        producer.produce(event.topic.name, value, event.key.encode())
    except BufferError:
        producer.poll(0.1)
        return False
    return True


@contextmanager
def loaded_broker(found: Iterable[Event]) -> Iterator[NativeLab]:
    """A lab with Kafka and registry alone, its topics filled."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home,
        trial_lab(Path(home), MARKETING, ["kafka", "registry"], print, kafka_heap_mb=512) as lab,
    ):
        ensure_topics(lab.settings, MARKETING)
        ensure_schemas(lab.settings, MARKETING)
        preload(lab.settings, found)
        yield lab
