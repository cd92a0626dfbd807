"""The order summary alone, in the SQL engine and in Quix Streams: `python -m benchmarks.ksql_summary`.

One Kafka, the same orders, one process each, the same commit interval. The engine is measured with and without
de-duplication; without it both write one row per order. Quix Streams is installed into a temporary environment.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.ksql import events, loaded_broker, wait_until_taken_in
from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.schemas import load_schema
from contracts.settings import Settings
from scripts.bootstrap.ksql import KSQL_DIR
from scripts.bootstrap.sql import read_statements
from scripts.ksql_client import connect, execute
from scripts.stack.lab import NativeLab

QUIX = "quixstreams==3.28.1"
FASTAVRO = "fastavro"
SUMMARY = """
CREATE TABLE {name} WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT customer_key, COUNT(*) AS order_count, SUM(order_total_cents) AS lifetime_value_cents
FROM order_placed GROUP BY customer_key EMIT CHANGES;
"""


def source_statement(name: str) -> str:
    """The lab's own statement that declares a source."""
    return next(each.text for each in read_statements(KSQL_DIR / MARKETING.name) if each.name == name)


def show(what: str, rate: float, rows: int) -> None:
    """Print one figure."""
    print(f"{what}: {rate:,.0f} orders/s, {rows:,} rows", flush=True)


def rows_in(settings: Settings, topic: str) -> int:
    """How many records were written to a topic."""
    consumer = Consumer({**settings.kafka_client, "group.id": "count", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in partitions]
    consumer.close()
    return sum(last - first for first, last in ends)


def engine_s(lab: NativeLab, name: str, cache_bytes: int, within_s: float) -> float:
    """Seconds until the engine has committed the summary `name`."""
    api = connect(lab.settings)
    properties = {"auto.offset.reset": "earliest", "cache.max.bytes.buffering": str(cache_bytes)}
    started = time.perf_counter()
    execute(api, SUMMARY.format(name=name).strip(), properties)
    wait_until_taken_in(lab.settings, 1, within_s, f"CTAS_{name}")
    seconds = time.perf_counter() - started
    execute(api, f"DROP TABLE {name};")
    return seconds


def quix_s(lab: NativeLab, python: Path, orders: int, commit_interval_s: float, within_s: float) -> float:
    """Seconds that Quix Streams needs from its first order on."""
    schema = lab.settings.home / "order.avsc"
    schema.write_text(json.dumps(load_schema(MARKETING, ORDER_PLACED)), "utf-8")
    script = Path(__file__).with_name("quix_summary.py")
    options = {
        "--bootstrap": lab.settings.bootstrap,
        "--reads": ORDER_PLACED.name,
        "--writes": "quix-summary",
        "--schema": str(schema),
        "--state": str(lab.settings.home / "quix"),
        "--orders": str(orders),
        "--commit-interval-s": str(commit_interval_s),
    }
    command = [str(python), str(script), *(part for option in options.items() for part in option)]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, timeout=within_s)
    return float(done.stdout.split()[-1])


def environment(folder: Path) -> Path:
    """Python with Quix Streams, below `folder`."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", QUIX, FASTAVRO], check=True)
    return python


def main() -> None:
    """Measure and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commit-interval-s", type=float, default=0.1, help="of Quix Streams; the engine's is 0.1")
    parser.add_argument("--within", type=float, default=600, help="seconds for each run")
    args = parser.parse_args()
    found = events(args.orders, args.customers, random.Random(args.seed))
    with tempfile.TemporaryDirectory() as folder, loaded_broker(found, workers=1) as lab:
        python = environment(Path(folder))
        lab.up(["ksql"], print, bootstrap=False)
        execute(
            connect(lab.settings),
            next(s.text for s in read_statements(KSQL_DIR / MARKETING.name) if s.name == "ORDER_PLACED"),
        )
        for name, cache_bytes in (("SUMMARY_DEDUPLICATED", 10_000_000), ("SUMMARY_EACH", 0)):
            seconds = engine_s(lab, name, cache_bytes, args.within)
            show(f"engine, cache {cache_bytes:,} bytes", args.orders / seconds, rows_in(lab.settings, name))
        lab.stop(["ksql"], print)
        seconds = quix_s(lab, python, args.orders, args.commit_interval_s, args.within)
        show("Quix Streams", args.orders / seconds, rows_in(lab.settings, "quix-summary"))


if __name__ == "__main__":
    sys.exit(main())
