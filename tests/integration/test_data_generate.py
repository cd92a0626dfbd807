"""The generator on a real broker: what it says it wrote is what the topics hold."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, Message
from topic_reading import partitions_of, records_from

from contracts.faults import FAULTS, Kind, Outcome
from contracts.marketing import MARKETING
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.generate.contract_check import broken_rules
from scripts.generate.ledger import Entry, ledger_dir, read_ledgers
from scripts.generate.records import Record
from scripts.generate.run import Plan, run
from webapp.commands.errors import PublishError
from webapp.commands.events import order_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import Ack, EventPublisher

pytestmark = pytest.mark.integration
COMMAND = "import typer; from scripts.generate.cli import generate; typer.run(generate)"
Position = tuple[str, int, int]


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Settings:
    """The running services, with a ledger folder of the test's own."""
    running: Settings = lab_services.settings
    ensure_topics(running, MARKETING)
    ensure_schemas(running, MARKETING)
    return running.model_copy(update={"home": tmp_path})


@pytest.fixture
def before(settings: Settings) -> dict[tuple[str, int], int]:
    """Where each partition of the lab's Avro topics ends before the test."""
    consumer = Consumer({**settings.kafka_client, "group.id": "test"})
    partitions = [place for topic in MARKETING.with_schema() for place in partitions_of(topic)]
    ends = {(p.topic, p.partition): consumer.get_watermark_offsets(p, timeout=10)[1] for p in partitions}
    consumer.close()
    return ends


def records_after(settings: Settings, before: dict[tuple[str, int], int]) -> dict[Position, Message]:
    """Every record of the lab's Avro topics after `before`, by position."""
    return {(m.topic(), m.partition(), m.offset()): m for m in records_from(settings, before)}


def entries(settings: Settings) -> dict[Position, Entry]:
    rows = list(read_ledgers(ledger_dir(settings)))
    by_position = {(entry.topic, entry.partition, entry.offset): entry for entry in rows}
    assert len(by_position) == len(rows)
    return by_position


def start_generator(settings: Settings, *arguments: str) -> "subprocess.Popen[str]":
    """The command in a process of its own, which can be killed."""
    environment = {
        **os.environ,
        "LAB_HOME": str(settings.home),
        "LAB_KAFKA_BOOTSTRAP": settings.bootstrap,
        "LAB_SCHEMA_REGISTRY": settings.registry_url,
    }
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=PROJECT_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_entries(settings: Settings, at_least: int, deadline_s: float = 30) -> None:
    deadline = time.monotonic() + deadline_s
    while sum(1 for _ in read_ledgers(ledger_dir(settings))) < at_least:
        assert time.monotonic() < deadline, "the generator wrote nothing"
        time.sleep(0.05)


def test_the_ledger_is_what_the_topics_hold(settings: Settings, before: dict[tuple[str, int], int]) -> None:
    said: list[str] = []
    plan = Plan(rate=1500, duration_s=2, seed=11, bad=0.1)
    assert run(settings, MARKETING, plan, stop=threading.Event(), say=said.append)
    ledger, topics = entries(settings), records_after(settings, before)
    assert ledger.keys() == topics.keys()
    assert len(ledger) >= 3000
    assert f"{len(ledger):,} records acknowledged" in "\n".join(said)
    assert {entry.fault for entry in ledger.values()} == {"", *(fault.name for fault in FAULTS)}


def test_records_in_the_topics_are_as_faulty_as_the_ledger_says(
    settings: Settings, before: dict[tuple[str, int], int]
) -> None:
    assert run(settings, MARKETING, Plan(0, 0.5, 12, 0.3), stop=threading.Event(), say=lambda _: None)
    framer = AvroFramer(settings, MARKETING)
    schemas = {framer.schema_id(topic): framer.parsed_schema(topic) for topic in MARKETING.with_schema()}
    outcomes = {fault.name: fault for fault in FAULTS}
    topics = records_after(settings, before)
    wrong = []
    for position, entry in entries(settings).items():
        message = topics[position]
        record = Record(message.topic(), message.key(), message.value(), Kind(entry.kind), *entry[4:])
        reasons = broken_rules(record, message.timestamp()[1], schemas)
        fault = outcomes.get(entry.fault)
        expected = fault.reasons if fault and fault.outcome is Outcome.QUARANTINED else ()
        if bool(reasons) != bool(expected) or (reasons and reasons[0] not in expected):
            wrong.append((entry, reasons))
    assert wrong == []


def test_the_rate_is_kept(settings: Settings) -> None:
    started = time.monotonic()
    assert run(settings, MARKETING, Plan(300, 3, 1, 0), stop=threading.Event(), say=lambda _: None)
    assert 2.9 <= time.monotonic() - started < 8
    assert 890 <= len(entries(settings)) <= 901


def test_a_killed_generator_leaves_a_ledger_that_the_topics_contain(
    settings: Settings, before: dict[tuple[str, int], int]
) -> None:
    generator = start_generator(settings, "--rate", "2000", "--continuous", "--bad", "0.05")
    try:
        wait_for_entries(settings, 1000)
    finally:
        generator.kill()
        generator.communicate(timeout=10)
    ledger, topics = entries(settings), records_after(settings, before)
    assert len(ledger) >= 1000
    assert ledger.keys() <= topics.keys()
    for position, entry in ledger.items():
        if not entry.fault:
            assert topics[position].key().decode() == entry.customer_id


def test_a_generator_that_is_asked_to_stop_completes_what_it_began(
    settings: Settings, before: dict[tuple[str, int], int]
) -> None:
    generator = start_generator(settings, "--rate", "500", "--continuous", "--bad", "0.2")
    try:
        wait_for_entries(settings, 500)
        generator.send_signal(signal.SIGTERM)
        output, _ = generator.communicate(timeout=30)
    finally:
        generator.kill()
    assert generator.returncode == 0, output
    ledger = entries(settings)
    assert ledger.keys() == records_after(settings, before).keys()
    early = {e.customer_id for e in ledger.values() if e.fault == "before_profile"}
    profiles = {e.customer_id for e in ledger.values() if e.kind == "profile" and not e.fault}
    assert early
    assert early <= profiles


def kill_broker(settings: Settings) -> None:
    """End the test's own broker without warning; the supervisor starts it again."""
    port = int(settings.bootstrap.rpartition(":")[2])
    (pid,) = {c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == psutil.CONN_LISTEN}
    assert pid is not None
    psutil.Process(pid).kill()


def publish_until_acknowledged(publisher: EventPublisher, deadline_s: float) -> tuple[Ack, int]:
    """The acknowledgement of one order, and how often it was refused before."""
    event = order_event(random.Random(), str(uuid.uuid4()), time.time_ns() // 1_000_000, lambda: str(uuid.uuid4()))
    deadline, refused = time.monotonic() + deadline_s, 0
    while True:
        try:
            return publisher.publish(event, timeout_s=2), refused
        except PublishError as error:
            assert time.monotonic() < deadline, f"{refused} times refused, last: {error}"
            refused += 1


def test_a_killed_broker_loses_nothing_and_needs_no_new_producer(
    settings: Settings, before: dict[tuple[str, int], int]
) -> None:
    publisher = EventPublisher(settings, MARKETING)
    publish_until_acknowledged(publisher, 10)
    first_connection = publisher._connection
    generator = start_generator(settings, "--rate", "500", "--duration", "10", "--bad", "0.02")
    try:
        wait_for_entries(settings, 500)
        kill_broker(settings)
        publish_until_acknowledged(publisher, 60)
        output, _ = generator.communicate(timeout=150)
    finally:
        generator.kill()
    assert generator.returncode == 0, output
    assert publisher._connection is first_connection
    publisher.close()
    ledger, topics = entries(settings), records_after(settings, before)
    assert len(ledger) >= 4900
    assert ledger.keys() <= topics.keys()
    others = [message for position, message in topics.items() if position not in ledger]
    assert len(others) <= 4, "the publisher's own orders alone are not in the ledger"


def test_two_runs_of_one_seed_have_one_shape_and_other_ids(settings: Settings) -> None:
    for _ in range(2):
        assert run(settings, MARKETING, Plan(400, 1, 5, 0), stop=threading.Event(), say=lambda _: None)
    ledger = entries(settings).values()
    kinds = Counter(entry.kind for entry in ledger)
    assert all(count % 2 == 0 for count in kinds.values())
    assert len({entry.event_id for entry in ledger}) == len(ledger)


def test_a_registry_that_is_not_there_is_an_exit_code(settings: Settings) -> None:
    away = settings.model_copy(update={"schema_registry": "http://127.0.0.1:9"})
    generator = start_generator(away, "--rate", "10", "--duration", "1")
    output, _ = generator.communicate(timeout=60)
    assert generator.returncode == 1
    assert "cannot generate: " in output
    assert "schema registry at http://127.0.0.1:9 does not answer" in output
