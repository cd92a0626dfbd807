"""How fast the SQL engine takes in the marketing topology: `make bench-ksql`. Starts a Kafka of its own.

Orders and customers lie in Kafka before the engine starts. The clock runs from the first statement until every query
has committed everything, its sinks' records acknowledged; beside it, what reading and decoding the orders alone takes.
With `--latency`, orders of further customers then come at a steady rate, and the time to their rows counts.
"""

import argparse
import io
import random
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.ksql_latency import RATE, measure_latency
from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.model import Topic
from contracts.schemas import load_schema
from contracts.settings import Settings
from scripts.bootstrap.ksql import KSQL_DIR, apply_ksql
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.sql import read_statements
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.lab import NativeLab
from scripts.stack.status import lab_status
from scripts.stack.trial import trial_lab
from webapp.commands.events import Event, activation_event, order_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

GROUP_PREFIX = "_confluent-ksql-default_query_"
BATCH = 10_000
ASK_EVERY_S = 0.5


def new_id(rng: random.Random) -> str:
    """A random UUID that the seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _profile(rng: random.Random) -> Event:
    return profile_event(rng, time.time_ns() // 1_000_000, lambda: new_id(rng))


def events(orders: int, customers: int, rng: random.Random) -> Iterator[Event]:
    """All profiles, then orders of customers drawn evenly, and an activation with every tenth."""
    now_ms = time.time_ns() // 1_000_000
    profiles = [_profile(rng) for _ in range(customers)]
    yield from profiles
    for number in range(orders):
        customer_id = rng.choice(profiles).key
        yield order_event(rng, customer_id, now_ms, lambda: new_id(rng))
        if number % 10 == 0:
            yield activation_event(rng, customer_id, now_ms, lambda: new_id(rng))


def preload(settings: Settings, found: Iterable[Event]) -> None:
    """Write events to their topics and wait for the broker."""
    framer = AvroFramer(settings, MARKETING)
    producer = Producer({**producer_config(settings, 120), "linger.ms": 50, "queue.buffering.max.messages": 200_000})
    for event in found:
        value = framer.frame(event.topic, event.value)
        while True:
            try:
                producer.produce(event.topic.name, value, event.key.encode())
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise SystemExit("the broker did not take all events")


def read_and_decode(settings: Settings, topic: Topic, count: int) -> float:
    """Seconds to consume and decode `count` records of a topic, and nothing else."""
    consumer = Consumer({**settings.kafka_client, "group.id": "plain", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic.name, number, 0) for number in range(topic.partitions)])
    schema, seen, started = fastavro.parse_schema(load_schema(MARKETING, topic)), 0, time.perf_counter()
    while seen < count:
        for record in consumer.consume(BATCH, 1.0):
            fastavro.schemaless_reader(io.BytesIO((record.value() or b"")[5:]), schema, None)
            seen += 1
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


def groups_of_queries(admin: AdminClient, prefix: str) -> list[str]:
    """The consumer groups in which queries whose id starts with `prefix` show their offsets."""
    found = admin.list_consumer_groups().result(10).valid or ()
    return [group.group_id for group in found if group.group_id.startswith(GROUP_PREFIX + prefix)]


def lag(admin: AdminClient, consumer: Consumer, groups: list[str]) -> int:
    """Records that the queries have not committed."""
    behind = 0
    for group in groups:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        for place in asked[group].result(10).topic_partitions or ():
            _, end = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), timeout=10)
            behind += end - max(0, place.offset)
    return behind


def wait_until_taken_in(settings: Settings, queries: int, within_s: float, prefix: str = "") -> None:
    """Wait until all queries, those whose id starts with `prefix`, have committed the end of every topic they read."""
    admin = AdminClient({**settings.kafka_client})
    consumer = Consumer({**settings.kafka_client, "group.id": "ends", "enable.auto.commit": False})
    deadline, calm = time.monotonic() + within_s, 0
    while calm < 2:
        time.sleep(ASK_EVERY_S)
        groups = groups_of_queries(admin, prefix)
        behind = lag(admin, consumer, groups)
        calm = calm + 1 if behind == 0 and len(groups) == queries else 0
        if time.monotonic() > deadline:
            raise SystemExit(f"not taken in within {within_s:g} s: {len(groups)} of {queries} queries, lag {behind:,}")
    consumer.close()


@contextmanager
def loaded_broker(found: Iterable[Event], workers: int | None) -> Iterator[NativeLab]:
    """A lab with Kafka and registry alone, its topics filled."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-ksql-", ignore_cleanup_errors=True) as home,
        trial_lab(Path(home), MARKETING, ["kafka", "registry"], print, kafka_heap_mb=512, ksql_workers=workers) as lab,
    ):
        ensure_topics(lab.settings, MARKETING)
        ensure_schemas(lab.settings, MARKETING)
        preload(lab.settings, found)
        yield lab


def main() -> None:
    """Measure and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=900, help="seconds")
    parser.add_argument("--workers", type=int, help="processes of the engine that run queries")
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help=f"also {RATE:,} orders/s so long")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    newcomers = [_profile(rng) for _ in range(int(args.latency * RATE))]
    with loaded_broker(chain(newcomers, events(args.orders, args.customers, rng)), args.workers) as lab:
        plain_s = read_and_decode(lab.settings, ORDER_PLACED, args.orders)
        print(f"consume and decode alone: {args.orders / plain_s:,.0f} orders/s")
        lab.up(["ksql"], print, bootstrap=False)
        started = time.perf_counter()
        apply_ksql(lab.settings, MARKETING)
        queries = sum(each.is_query for each in read_statements(KSQL_DIR / MARKETING.name))
        wait_until_taken_in(lab.settings, queries, args.within)
        taken_s = time.perf_counter() - started
        print(f"marketing topology: {args.orders / taken_s:,.0f} orders/s ({taken_s:.1f} s)")
        print(f"memory of the engine: {engine_mb(lab):.0f} MB")
        if newcomers:
            found = measure_latency(lab.settings, rng, [each.key for each in newcomers], lambda: new_id(rng))
            figures = ", ".join(f"p{share} {found.percentile(share / 100):.0f} ms" for share in (50, 95, 99))
            print(f"order to consolidated row at {RATE:,}/s: {figures} ({len(found.seconds):,} of {len(newcomers):,})")


def engine_mb(lab: NativeLab) -> float:
    """Memory of the engine's processes, MB."""
    return next(row.memory_mb or 0.0 for row in lab_status(lab) if row.name == "ksql")


if __name__ == "__main__":
    main()
