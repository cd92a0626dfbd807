"""The whole pipeline against a real broker and registry: faults, kills, locks. The driver is a process of its own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from conftest import LabServices
from pipeline_process import PipelineProcess, rows
from topic_reading import records_of

from contracts.marketing import (
    ACTIVATION_STATUS,
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_GOLD,
    CUSTOMER_PROFILE,
    GOLD_CUSTOMER_360,
    MARKETING,
    ORDER_PLACED,
    QUALITY,
    QUARANTINE,
    SILVER_ORDERS,
)
from contracts.model import Topic
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.lakehouse.history import commits
from scripts.lakehouse.lineage import lineage
from scripts.lakehouse.maintain import maintained
from scripts.lakehouse.quality import counted
from scripts.lakehouse.store import Store
from tests.waiting import eventually
from webapp.commands.events import Event, activation_event, erase_event, order_event, profile_event
from webapp.commands.publisher import EventPublisher

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

SOURCES = {BRONZE_PROFILES: CUSTOMER_PROFILE, BRONZE_ORDERS: ORDER_PLACED, BRONZE_ACTIVATIONS: ACTIVATION_STATUS}


@pytest.fixture(scope="module")
def pipeline(lab_services: LabServices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineProcess]:
    settings = Settings(
        home=tmp_path_factory.mktemp("spark"),
        port_offset=0,
        kafka_bootstrap=lab_services.bootstrap,
        schema_registry=lab_services.registry_url,
        port_spark_ui=lab_services.settings.port("spark_ui"),
    )
    ensure_topics(settings, MARKETING)
    ensure_schemas(settings, MARKETING)
    process = PipelineProcess(settings)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def publish(pipeline: PipelineProcess) -> Iterator[Callable[..., None]]:
    publisher = EventPublisher(pipeline.settings, MARKETING)

    def publish_all(*events: Event) -> None:
        for event in events:
            publisher.publish(event)

    yield publish_all
    publisher.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return str(uuid.uuid4())


def positions_stored(settings: Settings) -> Counter[tuple[str, int, int]]:
    found: Counter[tuple[str, int, int]] = Counter()
    for table in SOURCES:
        found.update((str(row["_topic"]), row["_partition"], row["_offset"]) for row in rows(settings, table))  # type: ignore[misc]  # numbers, as declared
    found.update((str(row["topic"]), row["partition"], row["offset"]) for row in rows(settings, QUARANTINE))  # type: ignore[misc]  # as above
    return found


def positions_published(settings: Settings) -> Counter[tuple[str, int, int]]:
    """Every position of the three topics that a consumer can read."""
    read = records_of(settings, *SOURCES.values())
    return Counter((str(record.topic()), record.partition() or 0, record.offset() or 0) for record in read)


def gold_messages(settings: Settings, customer_id: str) -> list[dict[str, object] | None]:
    """The values published for a customer, in order."""
    records = [record for record in records_of(settings, CUSTOMER_GOLD) if record.key() == customer_id.encode()]
    return [json.loads(value) if (value := record.value()) else None for record in records]


def send_raw(settings: Settings, topic: Topic, key: bytes | None, value: bytes | None) -> None:
    producer = Producer(settings.kafka_client)
    producer.produce(topic.name, value, key)
    assert producer.flush(10) == 0


def test_faults_duplicates_and_an_erase_end_right(pipeline: PipelineProcess, publish: Callable[..., None]) -> None:
    rng, settings = random.Random(1), pipeline.settings
    kept = profile_event(rng, now_ms(), new_id)
    erased = profile_event(rng, now_ms(), new_id)
    order = order_event(rng, kept.key, now_ms(), new_id)
    early = order_event(rng, customer_id := new_id(), now_ms(), new_id)
    publish(kept, erased, order, order, early, activation_event(rng, kept.key, now_ms(), new_id))
    send_raw(settings, ORDER_PLACED, kept.key.encode(), b"no frame")
    send_raw(settings, ORDER_PLACED, kept.key.encode(), b"\x00\x00\xff\xff\xffrest")
    send_raw(settings, ORDER_PLACED, kept.key.encode(), None)
    pipeline.settle()
    publish(erase_event(erased.key))
    pipeline.settle()

    reasons = {row["reason"] for row in rows(settings, QUARANTINE) if row["key"] == kept.key.encode()}
    assert reasons == {"not_framed", "unknown_schema_id", "null_value"}
    assert order.value is not None
    assert len(rows(settings, BRONZE_ORDERS, order_id=order.value["order_id"])) == 2
    assert len(rows(settings, SILVER_ORDERS, order_id=order.value["order_id"])) == 1
    (gold,) = rows(settings, GOLD_CUSTOMER_360, customer_id=kept.key)
    assert (gold["order_count"], gold["lifetime_value_cents"]) == (1, order.value["order_total_cents"])
    assert gold_messages(settings, kept.key)[-1] == gold
    assert rows(settings, GOLD_CUSTOMER_360, customer_id=erased.key) == []
    assert gold_messages(settings, erased.key)[-1] is None
    assert rows(settings, GOLD_CUSTOMER_360, customer_id=customer_id) == [], "its profile has not come"
    assert early.value is not None
    late = profile_event(rng, now_ms(), lambda: customer_id)
    publish(Event(CUSTOMER_PROFILE, customer_id, {**(late.value or {}), "event_id": new_id()}))
    pipeline.settle()
    assert rows(settings, GOLD_CUSTOMER_360, customer_id=customer_id)[0]["order_count"] == 1


def test_tables_say_where_they_come_from_and_how_good_they_are(
    pipeline: PipelineProcess, publish: Callable[..., None]
) -> None:
    """The declared lineage is what ran; what was refused and what misses its customer is counted, once."""
    rng, settings = random.Random(7), pipeline.settings
    customer = profile_event(rng, now_ms(), new_id)
    waiting = order_event(rng, new_id(), now_ms(), new_id)
    publish(customer, order_event(rng, customer.key, now_ms(), new_id), waiting)
    publish(activation_event(rng, customer.key, now_ms(), new_id))
    send_raw(settings, ORDER_PLACED, customer.key.encode(), b"no frame")
    pipeline.settle()
    store = Store(settings.delta_root, MARKETING)

    for table in MARKETING.tables:
        found = lineage(store, table)
        assert found.undeclared == [], table.full_name
        read = {
            source
            for commit in commits(store, table, 100)
            if commit.origin
            for source in commit.origin.sources - {table.full_name}
        }
        assert read <= set(found.sources), table.full_name
        assert read or table in (QUALITY, QUARANTINE), f"{table.full_name} says of no commit where it came from"
    assert lineage(store, GOLD_CUSTOMER_360).made is not None

    def counts() -> dict[tuple[str, str], tuple[int, int]]:
        return {(row.table, row.expectation): (row.checked, row.violated) for row in counted(store, QUALITY)}

    def orders() -> tuple[int, int]:
        kept = len(rows(settings, BRONZE_ORDERS))
        refused = [row for row in rows(settings, QUARANTINE) if row["topic"] == ORDER_PLACED.name]
        return kept + len(refused), sum(row["reason"] == "not_framed" for row in refused)

    eventually(lambda: counts().get(("bronze.order_placed", "not_framed")) == orders(), 60, "everything is counted")
    checked = len(rows(settings, SILVER_ORDERS))
    unique = ("silver.orders", "order_id is unique")
    eventually(lambda: counts().get(unique) == (checked, 0), 60, "every order is counted")
    assert 1 <= counts()["silver.orders", "customer_id in silver.customers"][1] < checked


def test_upkeep_while_the_streams_run(pipeline: PipelineProcess, publish: Callable[..., None]) -> None:
    """The driver does it on request; afterwards orders still arrive, once."""
    rng, settings = random.Random(8), pipeline.settings
    customer = profile_event(rng, now_ms(), new_id)
    publish(customer)
    for _ in range(3):
        publish(order_event(rng, customer.key, now_ms(), new_id))
        tended = maintained(settings)
        assert {each["table"] for each in tended} == {table.full_name for table in MARKETING.tables}
    pipeline.settle()
    (gold,) = rows(settings, GOLD_CUSTOMER_360, customer_id=customer.key)
    assert gold["order_count"] == 3


def test_a_job_alone_is_refused_while_the_driver_runs(pipeline: PipelineProcess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spark.marketing.gold_c360"],
        cwd=PROJECT_DIR,
        env=pipeline.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 75
    assert f"gold.customer_360 is being written by spark (process {pipeline.pid})" in done.stderr


def test_the_books_balance_after_kills_of_jvm_and_python(
    pipeline: PipelineProcess, publish: Callable[..., None]
) -> None:
    rng = random.Random(2)
    customers = [profile_event(rng, now_ms(), new_id) for _ in range(5)]
    publish(*customers)

    def publish_orders() -> None:
        publish(*(order_event(rng, rng.choice(customers).key, now_ms(), new_id) for _ in range(60)))

    publish_orders()
    pipeline.jvm().kill()
    assert pipeline.wait() != 0
    pipeline.start()
    publish_orders()
    orphan = pipeline.jvm()
    os.kill(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    pipeline.start()
    assert not orphan.is_running()
    publish_orders()
    pipeline.settle()

    assert positions_stored(pipeline.settings) == positions_published(pipeline.settings)
    sums = {
        customer.key: rows(pipeline.settings, GOLD_CUSTOMER_360, customer_id=customer.key)[0]["order_count"]
        for customer in customers
    }
    assert sum(int(str(count)) for count in sums.values()) == 180


def test_it_ends_within_ten_seconds(pipeline: PipelineProcess) -> None:
    jvm, asked_at = pipeline.jvm(), time.monotonic()
    os.kill(pipeline.pid, signal.SIGTERM)
    assert pipeline.wait() == 0
    assert time.monotonic() - asked_at < 10
    assert not jvm.is_running()


def test_a_foreign_cluster_is_refused(pipeline: PipelineProcess) -> None:
    pipeline.stop()
    (Path(pipeline.settings.checkpoints_dir) / "cluster_id").write_text("another\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "spark.pipeline"],
        cwd=PROJECT_DIR,
        env=pipeline.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 78
    assert "make clear" in done.stderr
