"""The order summary alone, in the SQL engine and in Quix Streams; `make bench-ksql` runs it after the topology.

One Kafka, the same orders, one process each, the same interval between commits. The engine is measured with and
without de-duplication; without it both write one row per order. Quix Streams is installed into a temporary
environment. The clock runs from the engine's statement, or from the first order that Quix Streams has processed,
until the broker has appended the last row; processor time is that of the whole run without starting the process.
"""

import json
import subprocess
import time
import venv
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its types forget to export NewTopic
    AdminClient,
    NewTopic,
)

from benchmarks.engine import Engine, running_engine
from benchmarks.progress import Progress
from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.settings import Settings
from scripts.bootstrap.ksql import KSQL_DIR
from scripts.bootstrap.sql import read_statements
from scripts.ksql_client import connect, execute

QUIX = "quixstreams[avro]==3.28.1"
INSTALL_WITHIN_S = 300.0
ANSWER_WITHIN_S = 10.0
CACHE_BYTES = 10_000_000
SUMMARY = """
CREATE TABLE {name} WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON') AS
SELECT customer_key, COUNT(*) AS order_count, SUM(order_total_cents) AS lifetime_value_cents
FROM order_placed GROUP BY customer_key EMIT CHANGES;
"""


@dataclass(frozen=True)
class Run:
    """One run: seconds by the clock, seconds of processor, and rows written."""

    seconds: float
    cpu_s: float
    rows: int


def quix_environment(folder: Path) -> Path:
    """Python with Quix Streams, below `folder`."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", QUIX]
    subprocess.run(install, check=True, timeout=INSTALL_WITHIN_S)
    return python


def measure_summary(settings: Settings, python: Path, orders: int, commit_interval_s: float, within_s: float) -> None:
    """Run both over the `orders` that lie in the topic and print a line for each run."""
    with running_engine(settings, "summary_", workers=0, commit_interval_s=commit_interval_s) as engine:
        execute(connect(engine.settings), _source("ORDER_PLACED"))
        _show("engine, de-duplicated", orders, _engine_run(engine, "SUMMARY_LAST", CACHE_BYTES, within_s))
        _show("engine, every change", orders, _engine_run(engine, "SUMMARY_EACH", 0, within_s))
    _show("Quix Streams", orders, _quix_run(settings, python, orders, commit_interval_s, within_s))


def _show(what: str, orders: int, run: Run) -> None:
    cpu_us = run.cpu_s / orders * 1e6
    rate = f"{orders / run.seconds:,.0f} orders/s ({run.seconds:.1f} s)"
    print(f"order summary, {what}: {rate}, {cpu_us:.0f} us of processor for an order, {run.rows:,} rows", flush=True)


def _source(name: str) -> str:
    """The lab's own statement that declares a source."""
    return next(each.text for each in read_statements(KSQL_DIR / MARKETING.name) if each.name == name)


def _engine_run(engine: Engine, name: str, cache_bytes: int, within_s: float) -> Run:
    _create_sink(engine.settings, name)
    api = connect(engine.settings)
    properties = {"auto.offset.reset": "earliest", "cache.max.bytes.buffering": str(cache_bytes)}
    progress = Progress(engine.settings, 1, f"CTAS_{name}", engine.service)
    cpu_s, started = engine.cpu_s(), time.time()
    execute(api, SUMMARY.format(name=name).strip(), properties)
    progress.wait(within_s)
    cpu_s = engine.cpu_s() - cpu_s
    progress.close()
    execute(api, f"DROP TABLE {name};")
    rows, last_s = _written(engine.settings, name)
    return Run(last_s - started, cpu_s, rows)


def _quix_run(settings: Settings, python: Path, orders: int, commit_interval_s: float, within_s: float) -> Run:
    name = "quix-summary"
    _create_sink(settings, name)
    options = {
        "--bootstrap": settings.bootstrap,
        "--registry": settings.registry_url,
        "--reads": ORDER_PLACED.name,
        "--writes": name,
        "--state": str(settings.home / "quix"),
        "--orders": str(orders),
        "--commit-interval-s": str(commit_interval_s),
    }
    script = Path(__file__).with_name("quix_summary.py")
    command = [str(python), "-W", "ignore", str(script), *(part for option in options.items() for part in option)]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, timeout=within_s)
    said = json.loads(done.stdout.splitlines()[-1])
    if said["orders"] != orders:
        raise RuntimeError(f"Quix Streams took {said['orders']:,} of {orders:,} orders in")
    rows, last_s = _written(settings, name)
    return Run(last_s - said["started_s"], said["cpu_s"], rows)


def _create_sink(settings: Settings, name: str) -> None:
    """A topic whose records carry the time at which the broker appended them."""
    times = {"message.timestamp.type": "LogAppendTime"}
    admin = AdminClient({**settings.kafka_client, "log_level": 2})
    made = admin.create_topics([NewTopic(name, ORDER_PLACED.partitions, 1, config=times)])
    made[name].result(ANSWER_WITHIN_S)


def _written(settings: Settings, topic: str) -> tuple[int, float]:
    """How many records a topic has, and when the last one was appended, in seconds since 1970 UTC.

    Raises:
        TimeoutError: the broker gives no record.
    """
    consumer = Consumer({**settings.kafka_client, "group.id": "written", "enable.auto.commit": False})
    rows, last_s = 0, 0.0
    try:
        for number in range(ORDER_PLACED.partitions):
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ANSWER_WITHIN_S)
            if end == first:
                continue
            rows += end - first
            consumer.assign([TopicPartition(topic, number, end - 1)])
            record = consumer.poll(ANSWER_WITHIN_S)
            if record is None or record.error():
                raise TimeoutError(f"the last record of {topic} was not read within {ANSWER_WITHIN_S:g} s")
            last_s = max(last_s, record.timestamp()[1] / 1000)
    finally:
        consumer.close()
    return rows, last_s
