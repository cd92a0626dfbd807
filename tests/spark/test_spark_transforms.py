"""The pure functions of the jobs, on a few rows each."""

import math
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts.lifecycle import stage_of, stage_sql
from spark.marketing import gold_c360, score_and_publish, silver_customers_orders
from spark.runtime.tables import columns_of

pytestmark = pytest.mark.spark

DAY_MS = 24 * 3600 * 1000
CUSTOMER = {"customer_id": "c1", "created_at_ms": 5, "is_active": True, "event_id": "e1", "occurred_at_ms": 10}
ORDER = {
    "order_id": "o1",
    "customer_id": "c1",
    "order_total_cents": 100,
    "placed_at_ms": 20,
    "event_id": "e2",
    "occurred_at_ms": 20,
}
ACTIVATION = {
    "activation_id": "a1",
    "customer_id": "c1",
    "status": "delivered",
    "event_id": "e3",
    "occurred_at_ms": 30,
}


def frame(spark: SparkSession, columns: str, *rows: dict[str, Any]) -> DataFrame:
    """Rows with the named values; all other columns are null."""
    schema = columns_of(columns)
    return spark.createDataFrame([tuple(row.get(name) for name in schema.names) for row in rows], schema)


def gold(spark: SparkSession, customers: list[Any], orders: list[Any], activations: list[Any]) -> dict[str, Any]:
    tables = [
        frame(spark, silver_customers_orders.CUSTOMER_COLUMNS, *customers),
        frame(spark, silver_customers_orders.ORDER_COLUMNS, *orders),
        frame(spark, silver_customers_orders.ACTIVATION_COLUMNS, *activations),
    ]
    return {row.customer_id: row.asDict() for row in gold_c360.customer_360(tables, 0).collect()}


def test_a_prospect_is_in_gold(spark: SparkSession) -> None:
    row = gold(spark, [CUSTOMER], [], [])["c1"]
    assert row["lifecycle_stage"] == "prospect"
    assert (row["order_count"], row["lifetime_value_cents"], row["average_order_value_cents"]) == (0, 0, 0)
    assert (row["engagement_rate"], row["first_order_at_ms"], row["last_event_id"]) == (0.0, None, "e1")


def test_sums_times_and_newest_event(spark: SparkSession) -> None:
    second = ORDER | {"order_id": "o2", "order_total_cents": 51, "placed_at_ms": 3, "event_id": "e9"}
    failed = ACTIVATION | {"activation_id": "a2", "status": "failed", "event_id": "e4"}
    row = gold(spark, [CUSTOMER], [ORDER, second], [ACTIVATION, failed])["c1"]
    assert (row["order_count"], row["lifetime_value_cents"], row["average_order_value_cents"]) == (2, 151, 75)
    assert (row["first_order_at_ms"], row["last_order_at_ms"]) == (3, 20)
    assert (row["delivered"], row["failed"], row["engagement_rate"]) == (1, 1, 0.5)
    assert (row["last_event_id"], row["last_event_at_ms"]) == ("e4", 30)


def test_orders_without_a_profile_wait(spark: SparkSession) -> None:
    stranger = ORDER | {"customer_id": "c2"}
    assert gold(spark, [CUSTOMER], [stranger], []).keys() == {"c1"}
    known = CUSTOMER | {"customer_id": "c2"}
    assert gold(spark, [known], [stranger], [])["c2"]["order_count"] == 1


def test_gold_columns_are_the_declared_ones(spark: SparkSession) -> None:
    names = columns_of(gold_c360.COLUMNS).names
    assert [*gold(spark, [CUSTOMER], [], [])["c1"], "version"] == names


def test_stage_equals_the_python_rules(spark: SparkSession) -> None:
    grid = [
        (orders, cents, delivered, failed)
        for orders in (0, 1, 3)
        for cents in (0, 499_999, 500_000, 500_001)
        for delivered in range(11)
        for failed in range(5)
    ]
    names = ["order_count", "lifetime_value_cents", "delivered", "failed"]
    rows = spark.createDataFrame(grid, names).selectExpr(*names, f"{stage_sql()} AS stage").collect()
    assert [row.stage for row in rows] == [stage_of(*case) for case in grid]


def test_the_first_record_of_an_order_wins(spark: SparkSession) -> None:
    rows = frame(
        spark,
        silver_customers_orders.ORDER_COLUMNS,
        ORDER | {"_partition": 1, "_offset": 8, "order_total_cents": 8},
        ORDER | {"_partition": 1, "_offset": 7, "order_total_cents": 7},
        ORDER | {"_partition": 1, "_offset": 9, "order_id": "o2"},
    )
    found = {row.order_id: row.order_total_cents for row in silver_customers_orders.first_orders(rows).collect()}
    assert found == {"o1": 7, "o2": 100}


def test_the_last_profile_wins_and_an_erase_is_one(spark: SparkSession) -> None:
    columns = f"{silver_customers_orders.CUSTOMER_COLUMNS}, _key STRING, _is_tombstone BOOLEAN"
    rows = frame(
        spark,
        columns,
        {"_key": "c1", "customer_id": "c1", "first_name": "old", "_offset": 1, "_is_tombstone": False},
        {"_key": "c1", "customer_id": "c1", "first_name": "new", "_offset": 4, "_is_tombstone": False},
        {"_key": "c2", "customer_id": "c2", "_offset": 2, "_is_tombstone": False},
        {"_key": "c2", "_offset": 3, "_is_tombstone": True},
    )
    found = {row.customer_id: row for row in silver_customers_orders.latest_profiles(rows).collect()}
    assert (found["c1"].first_name, found["c1"]._is_tombstone, found["c2"]._is_tombstone) == ("new", False, True)


def test_a_score_is_its_contributions(spark: SparkSession) -> None:
    columns = gold_c360.COLUMNS
    engaged = {"customer_id": "c1", "order_count": 4, "lifetime_value_cents": 250_000, "last_order_at_ms": 0}
    rows = frame(
        spark,
        columns,
        engaged | {"delivered": 3, "failed": 1},
        {"customer_id": "c2", "order_count": 0, "lifetime_value_cents": 0, "delivered": 0, "failed": 0},
    )
    as_of = 30 * DAY_MS + 5
    found = {row.customer_id: row.asDict(True) for row in score_and_publish.propensity([rows], as_of).collect()}
    assert found["c1"]["contributions"] == pytest.approx(
        {"base": -2.0, "orders": 0.6, "value": 0.5, "recency": 2 * math.exp(-1), "engagement": 4 / 6}
    )
    for row in found.values():
        assert row["score"] == pytest.approx(1 / (1 + math.exp(-sum(row["contributions"].values()))))
        assert row["as_of_ms"] == as_of
    assert found["c1"]["inputs"]["days_since_last_order"] == 30
    assert found["c2"]["inputs"]["days_since_last_order"] is None
    assert found["c2"]["contributions"]["recency"] == 0.0
