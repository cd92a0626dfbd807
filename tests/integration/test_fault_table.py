"""Every fault of the table, in known numbers and two schema versions: quarantine holds just those, bronze the rest."""

import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, product
from typing import Any

import fastavro
import pytest
from confluent_kafka import KafkaError, Message, Producer
from pipeline_process import PipelineProcess, lakehouse_of_its_own, rows, running
from schema_versions import LaterFramer

from contracts.faults import FAULTS, Fault, Kind, Outcome
from contracts.marketing import (
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    GOLD_CUSTOMER_360,
    MARKETING,
    QUARANTINE,
    SILVER_ACTIVATIONS,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.settings import Settings
from scripts.audit.books import Books
from scripts.audit.check_tables import check_gold, check_silver_customers, check_silver_ids
from scripts.audit.classify import Codec, classify
from scripts.generate.faults import INJECTORS, Bench
from scripts.generate.population import Population
from scripts.generate.records import KIND_OF, TOPIC_OF, Record, record_of
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

GOOD, EACH_FAULT = 2_400, 30
"""About one record in a hundred has any one of the faults."""
BRONZE = {Kind.PROFILE: BRONZE_PROFILES, Kind.ORDER: BRONZE_ORDERS, Kind.ACTIVATION: BRONZE_ACTIVATIONS}
QUARANTINED = {fault.name: fault for fault in FAULTS if fault.outcome is Outcome.QUARANTINED}
Position = tuple[str, int, int]


@dataclass
class Sent:
    """What the broker acknowledged: the record of each position and its time, in ms."""

    settings: Settings
    records: dict[Position, Record] = field(default_factory=dict)
    times: dict[Position, int] = field(default_factory=dict)

    def send(self, records: list[Record]) -> None:
        """Send `records`, and wait until the broker has them all."""
        producer = Producer(producer_config(self.settings, 60))
        for record in records:
            while True:
                try:
                    producer.produce(
                        record.topic, record.value, record.key, on_delivery=partial(self._acknowledged, record)
                    )
                except BufferError:
                    producer.poll(0.1)
                    continue
                break
        assert producer.flush(60) == 0

    def _acknowledged(self, record: Record, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        place = (message.topic() or "", message.partition() or 0, message.offset() or 0)
        self.records[place] = record
        self.times[place] = message.timestamp()[1]

    def faulty(self) -> dict[Position, Record]:
        """The records that the fault table sends to quarantine."""
        return {place: record for place, record in self.records.items() if record.fault in QUARANTINED}


def mixed_records(framers: tuple[AvroFramer, ...], seed: int) -> list[Record]:
    """Good events and EACH_FAULT of every fault, in any order, each by one of the framers in turn."""
    population = Population(seed, f"faults-{seed}")
    benches = [(framer, Bench(population, framer)) for framer in framers]
    turns = {fault.name: cycle(product(benches, fault.kinds)) for fault in FAULTS}
    writers = cycle(framers)
    plan: list[Fault | None] = [None] * GOOD + [fault for fault in FAULTS for _ in range(EACH_FAULT)]
    population.rng.shuffle(plan)
    made: list[Record] = []
    later: list[tuple[int, Record]] = []
    now_ms = time.time_ns() // 1_000_000
    for step, fault in enumerate(plan):
        if fault is None:
            made.append(record_of(population.next_event(now_ms), next(writers)))
            continue
        (framer, bench), kind = next(turns[fault.name])
        spoiled = INJECTORS[fault.name](bench, kind, now_ms)
        bench.check(fault, spoiled.records, now_ms)
        made += spoiled.records
        later += [(step + each.after_steps, record_of(each.event, framer, each.fault)) for each in spoiled.later]
    return made + [record for _, record in sorted(later, key=lambda each: each[0])]


@dataclass(frozen=True)
class World:
    """What was sent, what came of it, and the schemas by id."""

    sent: Sent
    settings: Settings
    framers: tuple[AvroFramer, ...]

    def codec(self, kind: Kind, schema_id: int) -> Codec | None:
        """How a record with this id is read: as the project's own schema."""
        topic = TOPIC_OF[kind]
        writers = {framer.schema_id(topic): framer.parsed_schema(topic) for framer in self.framers}
        own = self.framers[0].parsed_schema(topic)
        return Codec(writers[schema_id], own) if schema_id in writers else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Half of the records wait for the pipeline in one batch, the other half comes while it runs."""
    with lakehouse_of_its_own(tmp_path_factory.mktemp("faults")) as settings:
        framers = (AvroFramer(settings, MARKETING), LaterFramer(settings))
        records = mixed_records(framers, seed=11)
        sent = Sent(settings)
        sent.send(records[: len(records) // 2])
        with running(PipelineProcess(settings)) as pipeline:
            sent.send(records[len(records) // 2 :])
            pipeline.settle()
        yield World(sent, settings, framers)


def test_every_fault_was_sent_in_its_number_by_both_versions(world: World) -> None:
    records = world.sent.records.values()
    counts = Counter(record.fault for record in records if record.fault)
    assert counts == {fault.name: EACH_FAULT for fault in FAULTS}
    per_version = [Counter[str](), Counter[str]()]
    for record in records:
        for number, framer in enumerate(world.framers):
            header = framer.schema_id(TOPIC_OF[record.kind]).to_bytes(4, "big")
            if record.value and record.value[:1] == b"\0" and record.value[1:5] == header:
                per_version[number][record.fault] += 1
    framed = {fault.name for fault in FAULTS} - {"not_framed", "unknown_schema_id", "null_fact", "erase"}
    assert all(version[name] >= EACH_FAULT // 3 for version in per_version for name in framed), per_version
    assert min(version[""] for version in per_version) > GOOD // 3


def test_quarantine_holds_just_what_the_table_says(world: World) -> None:
    expected = world.sent.faulty()
    stored = rows(world.settings, QUARANTINE)
    found = {(str(row["topic"]), row["partition"], row["offset"]): row for row in stored}
    assert len(found) == len(stored)
    assert found.keys() == expected.keys()
    assert len(found) == EACH_FAULT * len(QUARANTINED)
    wrong = []
    for place, row in found.items():
        record = expected[place]  # type: ignore[index]  # numbers, as declared
        reasons = [reason.value for reason in QUARANTINED[record.fault].reasons]
        raw = (row["key"], row["value"], row["timestamp_ms"])
        if row["reason"] not in reasons or raw != (record.key, record.value, world.sent.times[place]):  # type: ignore[index]  # as above
            wrong.append((place, record, row))
    assert wrong == []


def test_every_other_record_is_in_its_bronze_table_as_sent(world: World) -> None:
    faulty = world.sent.faulty()
    for kind, table in BRONZE.items():
        expected = {
            place: record
            for place, record in world.sent.records.items()
            if KIND_OF[place[0]] is kind and place not in faulty
        }
        stored = rows(world.settings, table)
        found = {(row["_topic"], row["_partition"], row["_offset"]): row for row in stored}
        assert len(found) == len(stored)
        assert found.keys() == expected.keys()
        for place, record in expected.items():
            row = found[place]
            schema_id = int.from_bytes(record.value[1:5], "big") if record.value else None
            fields = _fields(world, kind, record, schema_id)
            assert {name: row[name] for name in fields} == fields
            assert (row["_key"], row["_schema_id"]) == ((record.key or b"").decode(), schema_id)
            assert row["_is_tombstone"] == (record.value is None)


def _fields(world: World, kind: Kind, record: Record, schema_id: int | None) -> dict[str, Any]:
    names = [each["name"] for each in world.framers[0].parsed_schema(TOPIC_OF[kind])["fields"]]
    if record.value is None or schema_id is None:
        return dict.fromkeys(names)
    codec = world.codec(kind, schema_id)
    assert codec is not None
    read: Any = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), codec.writer, codec.reader)
    return dict(read)


def test_silver_and_gold_are_what_the_other_records_make(world: World) -> None:
    """Recomputed by the audit's books, which share no code with the pipeline."""
    books = Books()
    for place, record in sorted(world.sent.records.items(), key=lambda each: each[0]):
        kind, at = KIND_OF[place[0]], place[1:]
        verdict = classify(kind, record.key, record.value, world.sent.times[place], partial(world.codec, kind))
        books.enter(kind, record.key, at, verdict)
    orders, activations = rows(world.settings, SILVER_ORDERS), rows(world.settings, SILVER_ACTIVATIONS)
    customers: Any = [(row["customer_id"], row["_offset"]) for row in rows(world.settings, SILVER_CUSTOMERS)]
    gold, _ = check_gold(books, rows(world.settings, GOLD_CUSTOMER_360))
    checks = [
        check_silver_ids("orders", books.orders, _places(orders, "order_id"), books.duplicate_orders),
        check_silver_ids(
            "activations", books.activations, _places(activations, "activation_id"), books.duplicate_activations
        ),
        check_silver_customers(books, customers),
        gold,
    ]
    assert [check.examples for check in checks] == [[], [], [], []]
    assert min(check.checked for check in checks) > 100
    assert (books.erased(), books.awaiting()) == (EACH_FAULT, EACH_FAULT)
    assert books.duplicate_orders + books.duplicate_activations == EACH_FAULT


def _places(stored: list[dict[str, Any]], key: str) -> list[tuple[str, int, int]]:
    return [(row[key], row["_partition"], row["_offset"]) for row in stored]
