"""How fast the SQL engine takes in the marketing topology, and an order summary beside Quix Streams.

`make bench-ksql` starts a Kafka of its own. Orders and customers lie in it before the engine starts. The clock runs
from the first statement until every query has committed everything, its sinks' records acknowledged; beside it, what
reading and decoding the orders alone takes. Then orders of further customers come at a steady rate, and the time to
their rows counts. The summary is measured as `benchmarks/ksql_summary.py` says.
"""

import argparse
import io
import random
import signal
import sys
import time
from itertools import chain

import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.engine import Engine, running_engine
from benchmarks.events import events, id_source, loaded_broker, profile
from benchmarks.ksql_latency import RATE, measure_latency
from benchmarks.ksql_summary import measure_summary, quix_environment
from benchmarks.progress import Progress
from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.model import Station, Topic
from contracts.schemas import load_schema
from contracts.settings import Settings
from scripts.bootstrap.ksql import apply_ksql
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.deadline import wait_until

BATCH = 10_000
INPUTS = 13
"""Pairs of a query of the topology and a topic it reads: eight queries read one, the consolidated customer five."""


def read_and_decode(settings: Settings, topic: Topic, count: int, within_s: float) -> float:
    """Seconds to consume and decode `count` records of a topic, and nothing else.

    Raises:
        TimeoutError: they did not come within `within_s` seconds.
    """
    consumer = Consumer({**settings.kafka_client, "group.id": "plain", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic.name, number, 0) for number in range(topic.partitions)])
    schema, seen, started = fastavro.parse_schema(load_schema(MARKETING, topic)), 0, time.perf_counter()
    while seen < count:
        for record in consumer.consume(BATCH, 1.0):
            fastavro.schemaless_reader(io.BytesIO((record.value() or b"")[5:]), schema, None)
            seen += 1
        if time.perf_counter() - started > within_s:
            raise TimeoutError(f"{seen:,} of {count:,} records within {within_s:g} s")
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


def empty_sinks(settings: Settings, within_s: float = 60.0) -> None:
    """Make the topics that the engine writes anew."""
    admin = AdminClient({**settings.kafka_client, "log_level": 2})
    sinks = [topic.name for topic in MARKETING.topics if topic.writers == (Station.KSQL,)]
    for answer in admin.delete_topics(sinks, request_timeout=within_s).values():
        answer.result(within_s)
    if not wait_until(lambda: not set(sinks) & set(admin.list_topics(timeout=10).topics), within_s):
        raise TimeoutError(f"the broker still has the sinks after {within_s:g} s")
    ensure_topics(settings, MARKETING)


def measure_topology(engine: Engine, what: str, orders: int, within_s: float) -> None:
    """Run the lab's SQL, wait until it has taken in everything, and print the rate, processor time and memory."""
    cpu_s, started = engine.cpu_s(), time.perf_counter()
    apply_ksql(engine.settings, MARKETING)
    progress = Progress(engine.settings, INPUTS, service=engine.service)
    progress.wait(within_s)
    taken_s = time.perf_counter() - started
    progress.close()
    cpu_us = (engine.cpu_s() - cpu_s) / orders * 1e6
    print(f"{what}: {orders / taken_s:,.0f} orders/s ({taken_s:.1f} s), {cpu_us:.0f} us of processor for an order")
    print(f"{what}: {memory_text(engine)}", flush=True)


def memory_text(engine: Engine) -> str:
    """The engine's memory, in sum and by process."""
    found = engine.memory()
    shares = [each.proportional_mb for each in found if each.proportional_mb is not None]
    proportional = f"{sum(shares):.0f} MB PSS, " if len(shares) == len(found) else ""
    each = " + ".join(f"{one.resident_mb:.0f}" for one in found)
    return f"{proportional}{sum(one.resident_mb for one in found):.0f} MB RSS (server and workers: {each})"


def show_latency(settings: Settings, rng: random.Random, customers: list[str]) -> None:
    """Send an order of each customer at a steady rate and print the time to their rows."""
    found = measure_latency(settings, rng, customers, id_source(rng))
    figures = ", ".join(f"p{share} {found.percentile(share / 100):.0f} ms" for share in (50, 95, 99))
    seen = f"{len(found.seconds):,} of {len(customers):,}"
    print(f"order to consolidated row at {RATE:,}/s: {figures} ({seen})", flush=True)


def read_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=900, help="seconds for each figure")
    parser.add_argument("--workers", type=int, help="processes of the engine that run queries")
    parser.add_argument("--latency", type=float, default=30, metavar="SECONDS", help=f"{RATE:,} orders/s so long")
    parser.add_argument("--commit-interval-s", type=float, default=2.0, help="of the engine and of Quix Streams")
    parser.add_argument("--only-topology", action="store_true", help="once with de-duplication, and nothing else")
    return parser.parse_args()


def main() -> None:
    """Measure and print one line per figure."""
    args = read_arguments()
    rng = random.Random(args.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on the way out
    newcomers = [profile(rng) for _ in range(int(args.latency * RATE))]
    how = {"workers": args.workers, "commit_interval_s": args.commit_interval_s}
    with loaded_broker(chain(newcomers, events(args.orders, args.customers, rng))) as lab:
        plain_s = read_and_decode(lab.settings, ORDER_PLACED, args.orders, args.within)
        print(f"consume and decode alone: {args.orders / plain_s:,.0f} orders/s", flush=True)
        if not args.only_topology:
            with running_engine(lab.settings, "each_", cached=False, **how) as engine:
                measure_topology(engine, "marketing topology, every change", args.orders, args.within)
            empty_sinks(lab.settings)
        with running_engine(lab.settings, "last_", **how) as engine:
            measure_topology(engine, "marketing topology, de-duplicated", args.orders, args.within)
            if newcomers:
                show_latency(engine.settings, rng, [each.key for each in newcomers])
        if not args.only_topology:
            python = quix_environment(lab.settings.home / "quix-environment")
            orders = args.orders + len(newcomers)
            measure_summary(lab.settings, python, orders, args.commit_interval_s, args.within)


if __name__ == "__main__":
    main()
