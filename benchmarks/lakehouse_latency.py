"""How long orders take from their topic to the gold topic: one at a time, and a thousand at once."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.events import id_source, preload
from contracts.marketing import CUSTOMER_GOLD, MARKETING
from contracts.settings import Settings
from webapp.commands.events import order_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

TICK_S = 0.05
ANSWER_WITHIN_S = 60.0


class GoldTopic:
    """What comes to the gold topic from now on."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer({**settings.kafka_client, "group.id": "bench", "enable.auto.commit": False})
        places = [TopicPartition(CUSTOMER_GOLD.name, number) for number in range(CUSTOMER_GOLD.partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)

    def wait(self, is_enough: Callable[[str, dict[str, object]], bool], within_s: float) -> None:
        """Read rows until `is_enough(customer_id, row)`.

        Raises:
            TimeoutError: no such row came within `within_s` seconds.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for record in self._consumer.consume(1_000, 0.02):
                key, value = record.key(), record.value()
                if record.error() is None and key and value and is_enough(key.decode(), json.loads(value)):
                    return
        raise TimeoutError(f"the rows did not reach the gold topic within {within_s:g} s")

    def close(self) -> None:
        """Let the broker go."""
        self._consumer.close()


def single_orders(settings: Settings, rng: random.Random, customers: list[str], count: int) -> list[float]:
    """Seconds from sending an order to its customer's gold row, of `count` orders one after the other."""
    gold, new_id, seconds = GoldTopic(settings), id_source(rng), []
    framer = AvroFramer(settings, MARKETING)
    producer = Producer({**producer_config(settings, ANSWER_WITHIN_S), "linger.ms": 0})
    for _ in range(count):
        event = order_event(rng, rng.choice(customers), time.time_ns() // 1_000_000, new_id)
        value = framer.frame(event.topic, event.value)
        started = time.perf_counter()
        producer.produce(event.topic.name, value, event.key.encode())
        producer.flush(ANSWER_WITHIN_S)
        wanted = event.event_id
        gold.wait(lambda _, row, wanted=wanted: row["last_event_id"] == wanted, ANSWER_WITHIN_S)  # type: ignore[misc]  # a default binds the loop's value
        seconds.append(time.perf_counter() - started)
    gold.close()
    return seconds


def order_batches(
    settings: Settings, rng: random.Random, customers: list[str], size: int, count: int
) -> Iterator[float]:
    """Seconds from sending `size` orders of random customers until every one is in its customer's gold row."""
    gold, new_id, totals = GoldTopic(settings), id_source(rng), Counter[str]()
    for _ in range(count):
        now_ms = time.time_ns() // 1_000_000
        orders = [order_event(rng, rng.choice(customers), now_ms, new_id) for _ in range(size)]
        totals.update(order.key for order in orders)
        missing = {order.key for order in orders}
        started = time.perf_counter()
        preload(settings, orders)

        def is_enough(key: str, row: dict[str, object], missing: set[str] = missing) -> bool:
            if row["order_count"] == totals[key]:
                missing.discard(key)
            return not missing

        gold.wait(is_enough, ANSWER_WITHIN_S)
        yield time.perf_counter() - started
    gold.close()


@contextmanager
def background(settings: Settings, rng: random.Random, customers: list[str], rate: float) -> Iterator[None]:
    """Send orders of random customers at a steady rate as long as the block runs."""
    stop, framer, new_id = threading.Event(), AvroFramer(settings, MARKETING), id_source(rng)
    producer = Producer({**producer_config(settings, ANSWER_WITHIN_S), "linger.ms": 0})

    def send() -> None:
        started, sent = time.monotonic(), 0
        while not stop.wait(TICK_S):
            due = int((time.monotonic() - started) * rate)
            for _ in range(due - sent):
                event = order_event(rng, rng.choice(customers), time.time_ns() // 1_000_000, new_id)
                producer.produce(event.topic.name, framer.frame(event.topic, event.value), event.key.encode())
            sent = due
            producer.poll(0)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join(ANSWER_WITHIN_S)
        producer.flush(ANSWER_WITHIN_S)
