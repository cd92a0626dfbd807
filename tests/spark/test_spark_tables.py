"""Steps against real Delta tables: both writers give the same tables, and a repeated turn changes nothing."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from contracts.marketing import (
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_GOLD,
    GOLD_CUSTOMER_360,
    GOLD_PROPENSITY,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.model import Table, Topic
from contracts.origin import Origin
from spark.marketing.gold_c360 import COLUMNS as GOLD_COLUMNS
from spark.marketing.score_and_publish import STEPS as SCORE_STEPS
from spark.marketing.silver_customers_orders import CUSTOMER_COLUMNS, ORDER_COLUMNS
from spark.marketing.silver_customers_orders import STEPS as SILVER_STEPS
from spark.runtime import small_tables
from spark.runtime.advance import Stepper
from spark.runtime.batches import Held, held
from spark.runtime.caretaker import Caretaker, History
from spark.runtime.errors import StateRefused
from spark.runtime.kafka import KafkaSink
from spark.runtime.merging import Differs, Newer
from spark.runtime.progress import Progress
from spark.runtime.state import LakehouseState
from spark.runtime.steps import Publish, Recompute, TableStep
from spark.runtime.tables import Tables, columns_of

pytestmark = pytest.mark.spark

IN_SPARK, IN_SMALL_STEPS = 0, 1_000
ROWS = "customer_id STRING, name STRING, _offset BIGINT"
MERGED = f"{ROWS}, _gone BOOLEAN"


def small(spark: SparkSession, columns: str, *rows: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(rows), columns_of(columns))


def made(
    spark: SparkSession, root: Path, few_rows: int, table: Table = SILVER_CUSTOMERS, columns: str = ROWS
) -> Tables:
    tables = Tables(spark, str(root / f"delta-{few_rows}"), few_rows)
    tables.create(table, columns_of(columns), "checkpoint")
    return tables


def rows_of(tables: Tables, table: Table) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in tables.read(table).collect())


def feed_of(tables: Tables, table: Table) -> list[tuple[Any, ...]]:
    """What a reader of the change feed sees, as (key, name, kind), version after version."""
    changes = tables.changes(table, 1, tables.version(table))[0].collect()
    return sorted((row["_commit_version"], row["customer_id"], row["name"], row["_change_type"]) for row in changes)


def shuffled_batches(seed: int) -> list[list[tuple[str, str, int, bool]]]:
    """Batches of profiles with rising offsets, repeats of old ones and removals; one row per key in a batch."""
    rng = random.Random(seed)
    batches, offset = [], 0
    for _ in range(3):
        batch = {}
        for _ in range(rng.randrange(1, 5)):
            offset += 1
            key = f"c{rng.randrange(4)}"
            place = offset if rng.random() < 0.8 else rng.randrange(offset)
            batch[key] = (key, f"n{offset}", place, rng.random() < 0.2)
        batches.append(list(batch.values()))
    return batches


@pytest.mark.parametrize("named", [1_000, 1])
def test_both_writers_merge_to_the_same_table(
    spark: SparkSession, tmp_path: Path, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a lookup names the keys in its query, or goes through the table for more of them."""
    monkeypatch.setattr(small_tables, "FEW_VALUES", named)
    ends = []
    for few_rows in (IN_SPARK, IN_SMALL_STEPS):
        tables = made(spark, tmp_path, few_rows)
        states = []
        for batch in shuffled_batches(1):
            with held(small(spark, MERGED, *batch), few_rows) as rows:
                tables.merge(SILVER_CUSTOMERS, rows, "customer_id", "_gone", Newer("_offset"))
            states.append(rows_of(tables, SILVER_CUSTOMERS))
        ends.append(states)
    assert ends[0] == ends[1]


def test_writers_take_turns_on_one_table(spark: SparkSession, tmp_path: Path) -> None:
    """Small merges mark rows as gone; a big one reads that, and leaves a table that small ones go on with."""
    made(spark, tmp_path, IN_SMALL_STEPS)
    folder, wanted = str(tmp_path / f"delta-{IN_SMALL_STEPS}"), dict[str, str]()
    steps = [
        [(f"c{number}", "first", 1, False) for number in range(20)],
        [("c1", "second", 2, False), ("c2", "", 2, True)],
        [("c3", "third", 3, False), ("c4", "", 3, True)],
        [("c1", "fourth", 4, False), ("c5", "", 4, True), ("c2", "back", 4, False)],
    ]
    for batch, few_rows in zip(steps, (IN_SMALL_STEPS, IN_SMALL_STEPS, IN_SPARK, IN_SMALL_STEPS), strict=True):
        tables = Tables(spark, folder, few_rows)
        with held(small(spark, MERGED, *batch), few_rows) as rows:
            tables.merge(SILVER_CUSTOMERS, rows, "customer_id", "_gone", Newer("_offset"))
        for key, name, _, gone in batch:
            wanted.pop(key, None)
            wanted |= {} if gone else {key: name}
        assert {key: name for key, name, _ in rows_of(tables, SILVER_CUSTOMERS)} == wanted
    log = "".join(file.read_text("utf-8") for file in Path(folder).rglob("_delta_log/*.json"))
    assert '"storageType":"u"' not in log
    assert "deletionVector" in log


def test_a_backlog_of_profiles_reaches_silver(spark: SparkSession, tmp_path: Path) -> None:
    """More rows than go the short way."""
    step = next(step for step in SILVER_STEPS if step.writes == SILVER_CUSTOMERS)
    bronze = f"_key STRING, _is_tombstone BOOLEAN, {CUSTOMER_COLUMNS}"
    tables = made(spark, tmp_path, IN_SMALL_STEPS, BRONZE_PROFILES, bronze)
    tables.create(SILVER_CUSTOMERS, columns_of(CUSTOMER_COLUMNS), "checkpoint")
    values = {"_key": "concat('c', id)", "_is_tombstone": "false", "_offset": "id", "_partition": "0"}
    names = columns_of(bronze)
    many = spark.range(3_000).selectExpr(
        *(f"cast({values.get(each.name, 'null')} AS {each.dataType.simpleString()}) AS {each.name}" for each in names)
    )
    many.write.format("delta").mode("append").save(tables.path(BRONZE_PROFILES))
    Stepper(step, tables, Progress(tmp_path / "progress", step.name), KafkaSink(None)).advance()  # type: ignore[arg-type]  # an upsert sends nothing
    assert tables.read(SILVER_CUSTOMERS).count() == 3_000


@pytest.mark.parametrize("few_rows", [IN_SPARK, IN_SMALL_STEPS])
def test_a_merge_shows_in_the_change_feed(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    tables = made(spark, tmp_path, few_rows)
    for batch in ([("a", "1", 1, False), ("b", "1", 1, False)], [("a", "2", 2, False), ("b", "", 2, True)]):
        with held(small(spark, MERGED, *batch), few_rows) as rows:
            tables.merge(SILVER_CUSTOMERS, rows, "customer_id", "_gone", Differs(("name",)))
    assert feed_of(tables, SILVER_CUSTOMERS) == [
        (1, "a", "1", "insert"),
        (1, "b", "1", "insert"),
        (2, "a", "2", "update_postimage"),
        (2, "b", "1", "delete"),
    ]


@pytest.mark.parametrize("few_rows", [IN_SPARK, IN_SMALL_STEPS])
def test_a_commit_says_where_its_rows_came_from(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    made(spark, tmp_path, IN_SMALL_STEPS)
    tables = Tables(spark, str(tmp_path / f"delta-{IN_SMALL_STEPS}"), few_rows)
    appended, merged = (Origin("silver", {"bronze.orders": (number, number)}) for number in (1, 2))
    with held(small(spark, ROWS, ("a", "1", 1)), few_rows) as batch:
        tables.append(SILVER_CUSTOMERS, batch, ("checkpoint", 7), appended)
    assert tables.last_origin(SILVER_CUSTOMERS) == appended
    with held(small(spark, MERGED, ("a", "2", 2, False)), few_rows) as batch:
        tables.merge(SILVER_CUSTOMERS, batch, "customer_id", "_gone", Newer("_offset"), origin=merged)
    assert tables.last_origin(SILVER_CUSTOMERS) == merged
    with held(small(spark, ROWS, ("b", "1", 1)), few_rows) as batch:
        tables.append(SILVER_CUSTOMERS, batch)
    assert tables.last_origin(SILVER_CUSTOMERS) == merged, "a commit that says nothing has no other one's origin"


def test_a_new_reader_begins_with_the_whole_table_when_the_past_is_gone(spark: SparkSession, tmp_path: Path) -> None:
    tables = made(spark, tmp_path, IN_SMALL_STEPS)
    for number in range(60):
        row = pa.table({"customer_id": [f"c{number}"], "name": ["1"], "_offset": [number]})
        tables.append(SILVER_CUSTOMERS, tables.local(row))
    keep_ten = History(versions=10, seconds=0.0)
    caretaker = Caretaker(str(tmp_path / f"delta-{IN_SMALL_STEPS}"), tables.turn, lambda _: None, keep_ten)
    assert caretaker.tend(SILVER_CUSTOMERS).oldest_change > 1
    feed, end = tables.changes(SILVER_CUSTOMERS, 1, tables.version(SILVER_CUSTOMERS))
    assert end == tables.version(SILVER_CUSTOMERS)
    assert {(row["_change_type"], row["_commit_version"]) for row in feed.collect()} == {("insert", end)}
    assert feed.count() == 60


@pytest.mark.parametrize("first", [IN_SPARK, IN_SMALL_STEPS])
@pytest.mark.parametrize("second", [IN_SPARK, IN_SMALL_STEPS])
def test_an_append_is_once_whoever_repeats_it(spark: SparkSession, tmp_path: Path, first: int, second: int) -> None:
    """A batch of one writer comes again to the other: after a crash the sizes may be sorted differently."""
    made(spark, tmp_path, 0)
    for few_rows in (first, second):
        tables = Tables(spark, str(tmp_path / "delta-0"), few_rows)
        with held(small(spark, ROWS, ("a", "1", 1)), few_rows) as rows:
            tables.append(SILVER_CUSTOMERS, rows, ("checkpoint", 7))
    assert rows_of(tables, SILVER_CUSTOMERS) == [("a", "1", 1)]
    with held(small(spark, ROWS, ("b", "1", 2)), second) as rows:
        tables.append(SILVER_CUSTOMERS, rows, ("checkpoint", 8))
        tables.append(SILVER_CUSTOMERS, rows, ("another checkpoint", 0))
    assert len(rows_of(tables, SILVER_CUSTOMERS)) == 3


@pytest.mark.parametrize("few_rows", [IN_SPARK, IN_SMALL_STEPS])
def test_an_order_is_in_silver_once(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    step = next(step for step in SILVER_STEPS if step.writes == SILVER_ORDERS)
    tables = made(spark, tmp_path, few_rows, BRONZE_ORDERS, ORDER_COLUMNS)
    tables.create(SILVER_ORDERS, columns_of(ORDER_COLUMNS), "checkpoint")

    def bronze(*positions: tuple[str, int]) -> None:
        names = columns_of(ORDER_COLUMNS).names
        values = [{"order_id": key, "_partition": 0, "_offset": place} for key, place in positions]
        with held(
            small(spark, ORDER_COLUMNS, *(tuple(each.get(n) for n in names) for each in values)), few_rows
        ) as rows:
            tables.append(BRONZE_ORDERS, rows)

    def advance(progress: str) -> None:
        Stepper(step, tables, Progress(tmp_path / progress, step.name), KafkaSink(None)).advance()  # type: ignore[arg-type]  # an insert sends nothing

    bronze(("o1", 2), ("o1", 1))
    advance("kept")
    bronze(("o1", 3), ("o2", 4))
    advance("kept")
    advance("lost")  # the progress was lost: everything comes again
    assert sorted((row.order_id, row["_offset"]) for row in tables.read(SILVER_ORDERS).collect()) == [
        ("o1", 1),
        ("o2", 4),
    ]


class Outbox:
    """Keeps what a step sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None]] = []

    def send(self, topic: Topic, records: DataFrame) -> None:
        self.sent += sorted((row.key, row.value) for row in records.collect())


@pytest.mark.parametrize("few_rows", [IN_SPARK, IN_SMALL_STEPS])
def test_corrections_and_erases_travel_to_gold_and_topic(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    tables = made(spark, tmp_path, few_rows)
    gold = Recompute(
        name="gold", job="gold", reads=(SILVER_CUSTOMERS,), writes=GOLD_CUSTOMER_360, key="customer_id",
        columns="customer_id STRING, name STRING, version BIGINT",
        transform=lambda inputs, _: inputs[0].select("customer_id", "name"), version="version",
    )  # fmt: skip
    tables.create(GOLD_CUSTOMER_360, columns_of(gold.columns), "checkpoint")
    outbox = Outbox()
    publish = Publish("publish", "publish", GOLD_CUSTOMER_360, CUSTOMER_GOLD, "customer_id")
    steps: tuple[TableStep, ...] = (gold, publish)
    steppers = [
        Stepper(step, tables, Progress(tmp_path / f"p{few_rows}", step.name), outbox)  # type: ignore[arg-type]  # an outbox is a sink
        for step in steps
    ]

    def profiles(*batch: tuple[str, str, int, bool]) -> list[tuple[str, str | None]]:
        with held(small(spark, MERGED, *batch), few_rows) as rows:
            tables.merge(SILVER_CUSTOMERS, rows, "customer_id", "_gone", Newer("_offset"))
        outbox.sent.clear()
        for stepper in steppers:
            stepper.advance()
        return list(outbox.sent)

    first = profiles(("a", "high", 1, False), ("b", "x", 2, False))
    assert [key for key, _ in first] == ["a", "b"]
    (low,) = profiles(("a", "low", 3, False))
    assert '"name":"low"' in str(low[1])
    assert profiles(("a", "", 4, True)) == [("a", None)]
    assert [row.customer_id for row in tables.read(GOLD_CUSTOMER_360).collect()] == ["b"]
    (back,) = profiles(("a", "back", 5, False))
    versions = [int(str(value).rpartition(":")[2].rstrip("}")) for _, value in (first[0], low, back)]
    assert versions == sorted(set(versions))


def test_an_erased_customer_loses_its_score_beside_others_who_keep_theirs(spark: SparkSession, tmp_path: Path) -> None:
    """A removed row has no contributions at all, although none of them can be missing in a row that stays."""
    step = next(step for step in SCORE_STEPS if isinstance(step, Recompute))
    tables = made(spark, tmp_path, IN_SMALL_STEPS, GOLD_CUSTOMER_360, GOLD_COLUMNS)
    tables.create(GOLD_PROPENSITY, columns_of(step.columns), "checkpoint")
    stepper = Stepper(step, tables, Progress(tmp_path / "progress", step.name), KafkaSink(None))  # type: ignore[arg-type]  # a table step sends nothing

    def customers(*batch: tuple[str, bool]) -> list[str]:
        marked = f"{GOLD_COLUMNS}, _gone BOOLEAN"
        values = [{"customer_id": key, "order_count": 1, "_gone": gone} for key, gone in batch]
        counts = {"lifetime_value_cents": 100, "delivered": 0, "failed": 0, "version": 1}
        made_of = [tuple((counts | each).get(name) for name in columns_of(marked).names) for each in values]
        with held(small(spark, marked, *made_of)) as rows:
            tables.merge(GOLD_CUSTOMER_360, rows, "customer_id", "_gone", Differs(("customer_id",)))
        stepper.advance()
        return sorted(row.customer_id for row in tables.read(GOLD_PROPENSITY).collect())

    assert customers(("a", False), ("b", False)) == ["a", "b"]
    assert customers(("b", True), ("c", False)) == ["a", "c"]


def test_tables_and_checkpoints_only_go_together(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(spark, str(tmp_path / "delta"))
    schemas = {SILVER_CUSTOMERS: columns_of(GOLD_COLUMNS)}
    state = LakehouseState(tmp_path / "checkpoints")
    state.claim("cluster")
    state.ensure(tables, schemas)
    state.ensure(tables, schemas)
    stranger = LakehouseState(tmp_path / "other")
    stranger.claim("cluster")
    with pytest.raises(StateRefused, match="make clear"):
        stranger.ensure(tables, schemas)
    with pytest.raises(StateRefused, match="no Delta table"):
        state.ensure(Tables(spark, str(tmp_path / "gone")), schemas)


def test_a_big_batch_is_neither_brought_into_python_nor_cached(spark: SparkSession) -> None:
    """Delta refuses a MERGE whose source is a cached plan while it runs."""
    with held(spark.range(50).selectExpr("cast(id AS string) AS key"), 10) as batch:
        assert isinstance(batch, Held)
        assert batch.few is None
        assert not batch.rows.is_cached
        assert batch.rows.storageLevel == StorageLevel.NONE
        assert batch.rows.count() == 50
