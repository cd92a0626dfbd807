"""How fast the lakehouse is: bronze alone, everything from topic to gold topic, single orders, and growth.

`make bench-lakehouse` starts a broker and a registry of its own for each part and fills the topics before the driver
starts. The clock of a backlog runs from the first batch that the bronze query plans; a start of the driver takes some
15 s before that. Rows are records of all three topics. Every part checks what the tables hold in the end.
"""

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator

import psutil
from confluent_kafka import Consumer, TopicPartition

from benchmarks.events import events, loaded_broker, profile
from benchmarks.lakehouse_driver import Driver, environment, running_driver
from benchmarks.lakehouse_latency import background, order_batches, single_orders
from contracts.marketing import (
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_GOLD,
    CUSTOMER_PROFILE,
    GOLD_CUSTOMER_360,
    INGEST,
    QUARANTINE,
)
from contracts.model import Topic
from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.lab import NativeLab
from spark.marketing.ingest_stream import STEPS as INGEST_STEPS
from webapp.commands.events import Event

SOURCES = INGEST_STEPS[0].reads
FEW_CUSTOMERS = 10_000
BATCH = 1_000
BATCHES = 12
BACKGROUND = 200.0


def keys_of(found: Iterable[Event], keys: list[str]) -> Iterator[Event]:
    """The same events; the customers among them are noted in `keys`."""
    for event in found:
        if event.topic == CUSTOMER_PROFILE:
            keys.append(event.key)
        yield event


def ends_of(settings: Settings, topics: Iterable[Topic]) -> dict[str, int]:
    """The next offset per "topic:partition"."""
    consumer = Consumer({**settings.kafka_client, "group.id": "ends", "enable.auto.commit": False})
    places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    found = {f"{at.topic}:{at.partition}": consumer.get_watermark_offsets(at, timeout=10)[1] for at in places}
    consumer.close()
    return found


def check(what: str, found: int, wanted: int) -> None:
    """End the benchmark when a table or topic does not hold what it must."""
    if found != wanted:
        sys.exit(f"{what}: {found:,} instead of {wanted:,}")


def kafka_cpu_s(lab: NativeLab) -> float:
    """Processor seconds of the broker so far."""
    return sum(psutil.Process(lab.supervisor.info("kafka").pid).cpu_times()[:2])


def measure_noop(settings: Settings, within_s: float) -> str:
    """Rates of Spark's own Kafka → noop with decoding, first and second pass in one session."""
    records = sum(ends_of(settings, SOURCES).values())
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lakehouse_noop"],
        cwd=PROJECT_DIR,
        env=environment(settings),
        stdout=subprocess.PIPE,
        check=True,
        timeout=within_s,
    )
    cold_s, warm_s = json.loads(done.stdout.splitlines()[-1])
    return f"{records / cold_s:,.0f} (first pass) and {records / warm_s:,.0f} rows/s (second)"


def measure_bronze(lab: NativeLab, within_s: float) -> None:
    """The production query alone."""
    ends = ends_of(lab.settings, SOURCES)
    records = sum(ends.values())
    with running_driver(lab.settings, "bronze", INGEST) as driver:
        started = driver.wait_first_batch(within_s)
        spent = Spent(driver, lab)
        seconds = driver.wait_bronze(ends, within_s) - started
        print(f"bronze: {records / seconds:,.0f} rows/s ({records:,} in {seconds:.1f} s), {spent.per_row(records)}")
        tables = (BRONZE_PROFILES, BRONZE_ORDERS, BRONZE_ACTIVATIONS)
        stored = [len(driver.rows(table, "_offset")) for table in tables] + [len(driver.rows(QUARANTINE, "offset"))]
        check("rows in bronze", sum(stored), records)
    print(f"Spark's Kafka to noop with decoding, alone: {measure_noop(lab.settings, within_s)}", flush=True)


def measure_whole(driver: Driver, lab: NativeLab, args: argparse.Namespace) -> None:
    """A backlog from the topics to the gold topic."""
    records = sum(ends_of(lab.settings, SOURCES).values())
    started = driver.wait_first_batch(args.within)
    spent = Spent(driver, lab)
    driver.wait_settled(args.within)
    seconds, per_row = driver.published_at() - started, spent.per_row(records)
    print(f"topic to gold and published: {seconds:.1f} s for {args.orders:,} orders, {per_row}")
    counts = driver.rows(GOLD_CUSTOMER_360, "order_count")
    check("customers in gold", len(counts), args.customers)
    check("orders in gold", sum(counts), args.orders)
    published = sum(ends_of(lab.settings, [CUSTOMER_GOLD]).values())
    print(f"{published:,} rows published; peak memory {memory(driver)}", flush=True)


class Spent:
    """Processor time of driver and broker since this object was made."""

    def __init__(self, driver: Driver, lab: NativeLab) -> None:
        self._driver, self._lab = driver, lab
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {**self._driver.cpu_s(), "broker": kafka_cpu_s(self._lab)}

    def per_row(self, rows: int) -> str:
        """Microseconds of processor for each of `rows`, by process."""
        now = self._now()
        parts = (f"{name} {(now[name] - self._before[name]) / rows * 1e6:.1f}" for name in now)
        return f"us of processor for a row: {', '.join(parts)}"


def memory(driver: Driver) -> str:
    """The driver's peaks."""
    return f"{driver.peak.java_mb:,.0f} MB JVM, {driver.peak.python_mb:,.0f} MB Python (PSS)"


def show_latency(settings: Settings, rng: random.Random, keys: list[str], count: int) -> None:
    """Single orders on the idle driver, then with others in the background."""
    (first,) = single_orders(settings, rng, keys, 1)
    print(f"order to gold topic, first: {first:.2f} s; then {spread(single_orders(settings, rng, keys, count))}")
    with background(settings, rng, keys, BACKGROUND):
        single_orders(settings, rng, keys, 2)
        seconds = single_orders(settings, rng, keys, count)
    print(f"order to gold topic, {BACKGROUND:.0f} others a second: {spread(seconds)}", flush=True)


def spread(seconds: list[float]) -> str:
    """Median and 95th percentile of some latencies."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"p50 {statistics.median(ordered):.2f} s, p95 {p95:.2f} s ({len(ordered)} orders)"


def batch_s(args: argparse.Namespace, customers: int, rng: random.Random) -> float:
    """The median time of a batch of orders with so many customers in gold."""
    keys: list[str] = []
    profiles = keys_of((profile(rng) for _ in range(customers)), keys)
    with loaded_broker(profiles) as lab, running_driver(lab.settings, f"growth-{customers}") as driver:
        started = driver.wait_first_batch(args.within)
        driver.wait_settled(args.within)
        check("customers in gold", len(driver.rows(GOLD_CUSTOMER_360, "version")), customers)
        print(f"{customers:,} profiles in gold and published in {driver.published_at() - started:.1f} s", flush=True)
        spent = Spent(driver, lab)
        seconds = list(order_batches(lab.settings, rng, keys, BATCH, args.batches + 2))[2:]
        per_row = spent.per_row(BATCH * (args.batches + 2))
        each = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{BATCH:,} orders with {customers:,} customers: median {statistics.median(seconds):.2f} s ({each})")
        print(f"{per_row}; peak memory {memory(driver)}", flush=True)
    return statistics.median(seconds)


def read_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--latency", type=int, default=50, metavar="ORDERS", help="single orders")
    parser.add_argument("--grown", type=int, default=1_000_000, help=f"customers, compared with {FEW_CUSTOMERS:,}")
    parser.add_argument("--batches", type=int, default=BATCHES, help=f"batches of {BATCH:,} orders")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=900, help="seconds for each figure")
    parser.add_argument("--parts", default="bronze,whole,latency,growth", help="some of these, with commas")
    return parser.parse_args()


def main() -> None:
    """Measure and print one line per figure."""
    args, keys = read_arguments(), list[str]()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on the way out
    rng, parts = random.Random(args.seed), set(args.parts.split(","))
    if parts & {"bronze", "whole", "latency"}:
        with loaded_broker(keys_of(events(args.orders, args.customers, rng), keys)) as lab:
            if "bronze" in parts:
                measure_bronze(lab, args.within)
            if parts & {"whole", "latency"}:
                with running_driver(lab.settings, "whole") as driver:
                    measure_whole(driver, lab, args)
                    if "latency" in parts:
                        show_latency(lab.settings, rng, keys, args.latency)
    if "growth" in parts:
        few, many = (batch_s(args, customers, rng) for customers in (FEW_CUSTOMERS, args.grown))
        print(f"growth: {many / few:.2f} times")


if __name__ == "__main__":
    main()
