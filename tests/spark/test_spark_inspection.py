"""Rows of real tables are counted once against what is expected of them, whoever wrote them."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.faults import Reason
from contracts.marketing import (
    BRONZE_ORDERS,
    ORDER_PLACED,
    QUALITY,
    QUARANTINE,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.model import Table
from spark.marketing.count_quality import STEPS
from spark.marketing.silver_customers_orders import CUSTOMER_COLUMNS, ORDER_COLUMNS
from spark.runtime.batches import held
from spark.runtime.bronze import QUARANTINE_COLUMNS
from spark.runtime.inspection import Inspector
from spark.runtime.progress import Progress
from spark.runtime.tables import Tables, columns_of

pytestmark = pytest.mark.spark

TABLES = {
    BRONZE_ORDERS: ORDER_COLUMNS,
    QUARANTINE: QUARANTINE_COLUMNS,
    SILVER_CUSTOMERS: CUSTOMER_COLUMNS,
    SILVER_ORDERS: ORDER_COLUMNS,
}
GOOD = {"customer_id": "c1", "placed_at_ms": 1, "order_total_cents": 5, "currency": "USD"}


class World:
    """Some of the lab's tables, written by hand, and the inspector over them."""

    def __init__(self, spark: SparkSession, folder: Path, few_rows: int) -> None:
        self.spark, self.few_rows = spark, few_rows
        self.tables = Tables(spark, str(folder / "delta"), few_rows)
        (self.step,) = STEPS
        in_small_steps = Tables(spark, str(folder / "delta"))
        for table, columns in {**TABLES, QUALITY: self.step.columns}.items():
            in_small_steps.create(table, columns_of(columns), "checkpoint")
        self.progress = folder / "progress"

    def write(self, table: Table, *rows: dict[str, Any]) -> None:
        columns = columns_of(TABLES[table])
        values = [tuple(row.get(name) for name in columns.names) for row in rows]
        with held(self.spark.createDataFrame(values, columns), self.few_rows) as batch:
            self.tables.append(table, batch)

    def inspector(self, every_s: float = 0.0) -> Inspector:
        step = type(self.step)(**{**vars(self.step), "reads": tuple(TABLES), "every_s": every_s})
        return Inspector(step, self.tables, Progress(self.progress, step.name))

    def counted(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Checked and violated per table and expectation, summed over all counts."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for row in self.tables.read(QUALITY).collect():
            checked, violated = found.get((row.table, row.expectation), (0, 0))
            found[row.table, row.expectation] = checked + row.checked, violated + row.violated
        return found


@pytest.mark.parametrize("few_rows", [0, 1_000])
def test_rows_are_counted_once(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    world = World(spark, tmp_path, few_rows)
    world.write(SILVER_CUSTOMERS, {"customer_id": "c1"})
    world.write(SILVER_ORDERS, {"order_id": "o1", **GOOD}, {"order_id": "o2", **GOOD, "customer_id": "c2"})
    world.write(
        SILVER_ORDERS, {"order_id": "o1", **GOOD, "order_total_cents": 0}, {"order_id": "o4", "currency": "EUR"}
    )
    world.write(BRONZE_ORDERS, {"order_id": "o1"}, {"order_id": "o2"})
    refused = {"topic": ORDER_PLACED.name, "partition": 1, "offset": 7, "reason": Reason.NOT_FRAMED.value}
    world.write(QUARANTINE, refused)
    assert world.inspector().advance() is not None
    expected = {
        ("silver.orders", "order_id is unique"): (4, 2),
        ("silver.orders", "customer_id is not null"): (4, 1),
        ("silver.orders", "order_total_cents >= 1"): (4, 1),
        ("silver.orders", "currency in (USD)"): (4, 1),
        ("silver.orders", "customer_id in silver.customers"): (4, 1),
        ("bronze.order_placed", "not_framed"): (3, 1),
        ("bronze.order_placed", "total_not_positive"): (3, 0),
    }
    assert world.counted().items() >= expected.items()
    (late,) = world.tables.read(QUALITY).where("expectation = 'customer_id in silver.customers'").collect()
    assert (late.outcome, late.examples) == ("flagged", ["o2"])
    assert world.inspector().advance() is None
    for file in world.progress.iterdir():
        file.unlink()  # the process ended between its commit and its note
    assert world.inspector().advance() is None
    world.write(SILVER_ORDERS, {"order_id": "o5", **GOOD})
    assert world.inspector().advance() is not None
    assert world.counted()["silver.orders", "order_id is unique"] == (5, 2)


def test_rows_wait_until_nobody_needs_the_processor(spark: SparkSession, tmp_path: Path) -> None:
    world = World(spark, tmp_path, 1_000)
    inspector = world.inspector(every_s=60.0)
    assert inspector.seconds_to_clock() is None
    world.write(SILVER_CUSTOMERS, {"customer_id": "c1"})
    assert inspector.advance() is None
    waits = inspector.seconds_to_clock()
    assert waits is not None
    assert 0 < waits <= 60
