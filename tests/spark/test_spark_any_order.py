"""However events are repeated and shuffled, silver and gold end the same, as long as one id's upserts keep their order.

200 histories of some customers each go through the production steps side by side: their ids have nothing in common, so
one turn of a step takes all of them a piece further.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from contracts.faults import Kind
from contracts.marketing import (
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    GOLD_CUSTOMER_360,
    MARKETING,
    SILVER_ACTIVATIONS,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.model import Table, Topic
from contracts.schemas import load_schema
from scripts.audit.books import Books, gold_row
from scripts.audit.classify import Verdict
from spark.marketing import gold_c360, ingest_stream, publish_c360, silver_customers_orders
from spark.runtime.advance import Stepper
from spark.runtime.batches import Held
from spark.runtime.bronze import bronze_schemas
from spark.runtime.progress import Progress
from spark.runtime.steps import TableStep, columns_written
from spark.runtime.tables import Tables, columns_of

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

HISTORIES, CUSTOMERS, EVENTS, BATCHES = 200, 3, 16, 5
BRONZE = {Kind.PROFILE: BRONZE_PROFILES, Kind.ORDER: BRONZE_ORDERS, Kind.ACTIVATION: BRONZE_ACTIVATIONS}
IDS = {Kind.PROFILE: "customer_id", Kind.ORDER: "order_id", Kind.ACTIVATION: "activation_id"}
STEPS: tuple[TableStep, ...] = (*silver_customers_orders.STEPS, *gold_c360.STEPS, *publish_c360.STEPS)
PLACES = ("_topic", "_partition", "_offset")
Row = dict[str, Any]


class Record(NamedTuple):
    """What a sender says: a profile (None erases), an order or an activation. `chain` is the id whose order counts."""

    kind: Kind
    key: str
    chain: str
    row: Row | None


def history(number: int) -> list[Record]:
    """What happened to a few customers, in order: new and changed profiles, erases, and facts at any time."""
    rng = random.Random(number)
    customers = [f"customer-{number}-{each}" for each in range(CUSTOMERS)]
    made: list[Record] = []
    for step in range(EVENTS):
        customer, stamp = rng.choice(customers), {"event_id": f"e-{number}-{step}", "occurred_at_ms": rng.randrange(9)}
        fact_id = f"{number}-{rng.randrange(EVENTS) if rng.random() < 0.3 else step}"
        choice = rng.random()
        if choice < 0.3:
            profile = {"first_name": f"name {step}", "created_at_ms": rng.randrange(9), "is_active": rng.random() < 0.5}
            made.append(Record(Kind.PROFILE, customer, customer, {"customer_id": customer, **profile, **stamp}))
        elif choice < 0.4:
            made.append(Record(Kind.PROFILE, customer, customer, None))
        elif choice < 0.7:
            order = {"order_total_cents": rng.choice((100, 499_901)), "placed_at_ms": rng.randrange(9), "items": []}
            made.append(_fact(Kind.ORDER, customer, f"o-{fact_id}", {**order, "currency": "USD", **stamp}, made))
        else:
            activation = {"status": rng.choice(("delivered", "failed")), "channel": "sms", "attempts": 1}
            made.append(_fact(Kind.ACTIVATION, customer, f"a-{fact_id}", {**activation, **stamp}, made))
    return made


def _fact(kind: Kind, customer: str, fact_id: str, row: Row, before: list[Record]) -> Record:
    """An order or activation; one that repeats an id, with other content, is of the same customer."""
    owner = next((record.key for record in before if record.chain == fact_id), customer)
    return Record(kind, owner, fact_id, {IDS[kind]: fact_id, "customer_id": owner, **row})


def disturbed(records: list[Record], rng: random.Random) -> list[Record]:
    """The same records in another order, some of them several times; those of one chain in their order.

    A repeated profile follows itself: after a newer one it would be another change. A repeated fact may come any later.
    """
    chains: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        chains[record.chain] += [record] * rng.choice((1, 1, 2, 3))
    for chain in chains.values():
        if chain[0].kind is not Kind.PROFILE:
            chain[1:] = rng.sample(chain[1:] * 2, len(chain) - 1)
    found = []
    while chains:
        name = rng.choice(list(chains))
        found.append(chains[name].pop(0))
        if not chains[name]:
            del chains[name]
    return found


def pieces(records: list[Record], rng: random.Random) -> list[list[Record]]:
    """The records cut into BATCHES pieces at any places."""
    cuts = [0, *sorted(rng.choices(range(len(records) + 1), k=BATCHES - 1)), len(records)]
    return [records[first:last] for first, last in pairwise(cuts)]


@dataclass
class Outbox:
    """Keeps what is published, in order."""

    sent: list[tuple[str, Row | None]] = field(default_factory=list)

    def send(self, _topic: Topic, records: DataFrame) -> None:
        rows = records.toArrow().to_pylist()
        self.sent += [(row["key"], json.loads(row["value"]) if row["value"] else None) for row in rows]


class World:
    """A lakehouse below `root` with the production tables and steps, and the books of what came."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self._spark, self._root = spark, root
        self.tables = Tables(spark, str(root / "delta"))
        readers = tuple(json.dumps(load_schema(MARKETING, source.topic)) for source in ingest_stream.STEPS[0].sources)
        self._bronze = bronze_schemas(spark, ingest_stream.STEPS[0], readers)
        for table, schema in self._bronze.items():
            self.tables.create(table, schema, "checkpoint")
        for step in (*silver_customers_orders.STEPS, *gold_c360.STEPS):
            self.tables.create(step.writes, columns_of(columns_written(step)), "checkpoint")
        self.outbox, self.books = Outbox(), Books()
        self.steppers = [self._stepper(step, "progress") for step in STEPS]
        self._offsets: Counter[tuple[Kind, int]] = Counter()

    def _stepper(self, step: TableStep, folder: str) -> Stepper:
        return Stepper(step, self.tables, Progress(self._root / folder, step.name), self.outbox)  # type: ignore[arg-type]  # an outbox is a sink

    def land(self, records: list[Record]) -> None:
        """Append the records to bronze, as the next ones of their partitions."""
        landed: dict[Kind, list[Row]] = {kind: [] for kind in Kind}
        for record in records:
            partition = sum(record.key.encode()) % 2
            offset = self._offsets[record.kind, partition]
            self._offsets[record.kind, partition] += 1
            self.books.enter(record.kind, record.key.encode(), (partition, offset), Verdict(None, row=record.row))
            place = {"_topic": record.kind.value, "_partition": partition, "_offset": offset, "_key": record.key}
            landed[record.kind].append({**(record.row or {}), **place, "_is_tombstone": record.row is None})
        for kind, rows in landed.items():
            names = self._bronze[BRONZE[kind]].names
            empty = self._spark.createDataFrame([], self._bronze[BRONZE[kind]]).toArrow().schema
            arrow = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], empty)
            if rows:
                self.tables.append(BRONZE[kind], Held(self._spark, arrow))

    def forget(self, step: TableStep) -> None:
        """Run a step whose progress was lost: everything comes again."""
        self._stepper(step, "lost").advance()

    def settle(self) -> None:
        """Let the steps go on until none of them finds anything new."""
        while sum(stepper.advance() is not None for stepper in self.steppers):
            pass

    def rows(self, table: Table, *without: str) -> list[Row]:
        """The rows of a table, without some columns, in one order."""
        stored = pa.table(DeltaTable(self.tables.path(table)).scan().read_all()).drop_columns(list(without)).to_pylist()
        return sorted(stored, key=lambda row: str(row[self.tables_key(table)]))

    @staticmethod
    def tables_key(table: Table) -> str:
        """The column that names a row of the table."""
        return {SILVER_ORDERS: "order_id", SILVER_ACTIVATIONS: "activation_id"}.get(table, "customer_id")


@pytest.fixture(scope="module")
def worlds(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    """One world where all came in order and once, one where nothing did, and steps kept up, lagged and began again."""
    histories = [history(number) for number in range(HISTORIES)]
    calm = World(spark, tmp_path_factory.mktemp("calm"))
    calm.land([record for records in histories for record in records])
    calm.settle()
    rng = random.Random(2024)
    rough = World(spark, tmp_path_factory.mktemp("rough"))
    cut = [pieces(disturbed(records, rng), rng) for records in histories]
    for number in range(BATCHES):
        rough.land(disturbed_together([each[number] for each in cut], rng))
        keeps_up = number % 2 == 0
        for stepper in rough.steppers if keeps_up else rng.sample(rough.steppers, rng.randint(1, len(STEPS))):
            stepper.advance()
    for step in silver_customers_orders.STEPS:
        rough.forget(step)
    rough.settle()
    return calm, rough


def disturbed_together(batches: list[list[Record]], rng: random.Random) -> list[Record]:
    """The histories' pieces interleaved, each in its order."""
    queues = [list(batch) for batch in batches if batch]
    found = []
    while queues:
        queue = rng.choice(queues)
        found.append(queue.pop(0))
        if not queue:
            queues.remove(queue)
    return found


@pytest.mark.parametrize("table", [SILVER_CUSTOMERS, SILVER_ORDERS, SILVER_ACTIVATIONS], ids=lambda each: each.name)
def test_silver_ends_the_same(worlds: tuple[World, World], table: Table) -> None:
    calm, rough = (world.rows(table, *PLACES) for world in worlds)
    assert len(calm) > HISTORIES
    assert rough == calm


def test_gold_ends_the_same_and_as_the_books_say(worlds: tuple[World, World]) -> None:
    calm, rough = (world.rows(GOLD_CUSTOMER_360, "version") for world in worlds)
    assert len(calm) > HISTORIES
    assert rough == calm
    for world in worlds:
        expected = {key: gold_row(key, account, profile) for key, account, profile in world.books.customers()}
        assert {row["customer_id"]: row for row in rough} == expected


def test_the_last_message_of_each_customer_is_its_row(worlds: tuple[World, World]) -> None:
    for world in worlds:
        rows = {row["customer_id"]: row for row in world.rows(GOLD_CUSTOMER_360)}
        last = dict(world.outbox.sent)
        assert {key: value for key, value in last.items() if value is not None} == rows
        assert all(last[key] is None for key in last.keys() - rows.keys())


def test_an_erase_travels(worlds: tuple[World, World]) -> None:
    """A row that was in gold and whose customer was erased leaves with a delete in the feed and a tombstone."""
    _, rough = worlds
    feed, _ = rough.tables.changes(GOLD_CUSTOMER_360, 1, rough.tables.version(GOLD_CUSTOMER_360))
    deleted = {row["customer_id"] for row in feed.toArrow().to_pylist() if row["_change_type"] == "delete"}
    erased = {key for key, account in rough.books.accounts.items() if account.erased}
    published = {key for key, value in rough.outbox.sent if value is not None}
    last = dict(rough.outbox.sent)
    gone = erased & published
    assert len(gone) > HISTORIES // 10
    assert gone <= deleted
    assert {last[key] for key in gone} == {None}


def changes_of(sent: list[tuple[str, Row | None]]) -> Iterator[tuple[Row, Row]]:
    """Each published row with the one before it of the same customer."""
    before: dict[str, Row] = {}
    for key, row in sent:
        if row is not None:
            if key in before:
                yield before[key], row
            before[key] = row


def test_corrections_downward_show_and_versions_only_grow(worlds: tuple[World, World]) -> None:
    _, rough = worlds
    names = ("engagement_rate", "is_active", "first_order_at_ms", "created_at_ms")
    falls: Counter[str] = Counter()
    for old, new in changes_of(rough.outbox.sent):
        assert new["version"] > old["version"]
        for name in names:
            falls[name] += old[name] is not None and new[name] is not None and new[name] < old[name]
    assert min(falls[name] for name in names) > 10, falls


def test_the_rough_world_is_rough() -> None:
    """Repetitions, other orders, erases, facts before profiles, repeated ids: they are there, in numbers."""
    rng = random.Random(2024)
    histories = [history(number) for number in range(HISTORIES)]
    rough = [disturbed(records, rng) for records in histories]
    assert sum(map(len, rough)) > 1.5 * sum(map(len, histories))
    pairs = list(zip(histories, rough, strict=True))
    moved = sum(list(dict.fromkeys(map(id, after))) != list(map(id, before)) for before, after in pairs)
    assert moved > 0.95 * HISTORIES
    for before, after in pairs:
        for chain in {record.chain for record in before}:
            mine = [record for record in before if record.chain == chain]
            seen = list(dict.fromkeys(id(record) for record in after if record.chain == chain))
            assert seen[0] == id(mine[0])
            if mine[0].kind is Kind.PROFILE:
                assert seen == [id(record) for record in mine]
    assert sum(record.row is None for records in histories for record in records) > HISTORIES
    chains = Counter(record.chain for records in histories for record in records if record.kind is not Kind.PROFILE)
    assert sum(count > 1 for count in chains.values()) > HISTORIES // 4
