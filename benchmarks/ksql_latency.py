"""How long an order takes from its topic to the customer's row in the consolidated topic, at a steady rate."""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Consumer, Producer, TopicPartition

from contracts.marketing import CUSTOMER_CONSOLIDATED, MARKETING
from contracts.settings import Settings
from webapp.commands.events import Event, order_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

RATE = 1_000
TICK_S = 0.01
PATIENCE_S = 30.0


@dataclass
class Latencies:
    """Seconds from producing a customer's only order to the row that shows its count and its time."""

    sent: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def seen(self, customer_id: str, row: dict[str, object]) -> None:
        """Take a row in; only the first with everything about the order counts."""
        if row["order_count"] == 1 and row["first_order_at_ms"] is not None:
            started = self.sent.pop(customer_id, None)
            if started is not None:
                self.seconds.append(time.perf_counter() - started)

    def percentile(self, share: float) -> float:
        """Latency in ms that `share` of the orders do not exceed."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _end_of_topic(settings: Settings) -> Consumer:
    """A consumer that sees what comes from now on to the consolidated topic."""
    topic = CUSTOMER_CONSOLIDATED
    consumer = Consumer({**settings.kafka_client, "group.id": "latency", "enable.auto.commit": False})
    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    return consumer


def _produce(settings: Settings, orders: list[Event], found: Latencies) -> None:
    framer = AvroFramer(settings, MARKETING)
    producer = Producer({**producer_config(settings, 120), "linger.ms": 0})
    started, done = time.perf_counter(), 0
    while done < len(orders):
        due = min(len(orders), int((time.perf_counter() - started) * RATE))
        for event in orders[done:due]:
            value = framer.frame(event.topic, event.value)
            found.sent[event.key] = time.perf_counter()
            producer.produce(event.topic.name, value, event.key.encode())
        done = due
        producer.poll(0)
        time.sleep(TICK_S)
    producer.flush(30)


def measure_latency(
    settings: Settings, rng: random.Random, customers: list[str], new_id: Callable[[], str]
) -> Latencies:
    """Send one order for each customer, who must have a profile and no order, and time their rows.

    Raises:
        TimeoutError: no row came, or the orders could not be sent.
    """
    now_ms = time.time_ns() // 1_000_000
    orders = [order_event(rng, customer_id, now_ms, new_id) for customer_id in customers]
    found, consumer = Latencies(), _end_of_topic(settings)
    sending = threading.Thread(target=_produce, args=(settings, orders, found), daemon=True)
    sending.start()
    quiet_since = time.monotonic()
    while len(found.seconds) < len(orders) and time.monotonic() - quiet_since < PATIENCE_S:
        for record in consumer.consume(500, 0.05):
            quiet_since = time.monotonic()
            value = record.value()
            if record.error() is None and value is not None:
                found.seen((record.key() or b"").decode(), json.loads(value))
    sending.join(PATIENCE_S)
    consumer.close()
    if sending.is_alive() or not found.seconds:
        raise TimeoutError(f"{len(found.seconds):,} rows came of {len(found.sent):,} orders sent")
    return found
