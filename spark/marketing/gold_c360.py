"""What do we know of each customer? Silver → gold.customer_360, computed anew for every touched customer.

Grain: one row per living customer, prospects included. Orders and activations of a customer without a profile wait
in silver and count when the profile comes.
"""

import sys

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from contracts.lifecycle import stage_sql
from contracts.marketing import (
    GOLD_CUSTOMER_360,
    GOLD_JOB,
    MARKETING,
    SILVER_ACTIVATIONS,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Recompute

COLUMNS = (
    "customer_id STRING, email STRING, first_name STRING, last_name STRING, created_at_ms BIGINT, is_active BOOLEAN, "
    "lifecycle_stage STRING, order_count BIGINT, lifetime_value_cents BIGINT, average_order_value_cents BIGINT, "
    "first_order_at_ms BIGINT, last_order_at_ms BIGINT, delivered BIGINT, failed BIGINT, engagement_rate DOUBLE, "
    "last_event_id STRING, last_event_at_ms BIGINT, version BIGINT"
)


def event_mark() -> Column:
    """When and which: the greatest mark is the newest event, equal times decided by the id."""
    return sf.struct("occurred_at_ms", "event_id")


def order_sums(orders: DataFrame) -> DataFrame:
    """Silver orders → one row per customer: count, sum in cents, first, last, newest mark."""
    return orders.groupBy("customer_id").agg(
        sf.count("*").alias("order_count"),
        sf.sum("order_total_cents").alias("lifetime_value_cents"),
        sf.min("placed_at_ms").alias("first_order_at_ms"),
        sf.max("placed_at_ms").alias("last_order_at_ms"),
        sf.max(event_mark()).alias("order_mark"),
    )


def activation_sums(activations: DataFrame) -> DataFrame:
    """Silver activations → one row per customer: delivered, failed, newest mark."""
    return activations.groupBy("customer_id").agg(
        sf.count_if(sf.col("status") == "delivered").alias("delivered"),
        sf.count_if(sf.col("status") == "failed").alias("failed"),
        sf.max(event_mark()).alias("activation_mark"),
    )


def customer_360(tables: list[DataFrame], _computed_at_ms: int) -> DataFrame:
    """Silver customers, orders, activations → gold rows without `version`, one per customer that has a profile."""
    customers, orders, activations = tables
    counts = ("order_count", "lifetime_value_cents", "delivered", "failed")
    joined = (
        customers.withColumn("profile_mark", event_mark())
        .drop("lifecycle_stage")
        .join(order_sums(orders), "customer_id", "left")
        .join(activation_sums(activations), "customer_id", "left")
        .withColumns({name: sf.coalesce(name, sf.lit(0).cast("bigint")) for name in counts})
    )
    engaged = sf.col("delivered") + sf.col("failed")
    newest = sf.greatest("profile_mark", "order_mark", "activation_mark")
    return joined.select(
        "customer_id",
        "email",
        "first_name",
        "last_name",
        "created_at_ms",
        "is_active",
        sf.expr(stage_sql()).alias("lifecycle_stage"),
        "order_count",
        "lifetime_value_cents",
        sf.expr("CASE WHEN order_count = 0 THEN 0L ELSE lifetime_value_cents DIV order_count END").alias(
            "average_order_value_cents"
        ),
        "first_order_at_ms",
        "last_order_at_ms",
        "delivered",
        "failed",
        sf.when(engaged == 0, 0.0).otherwise(sf.col("delivered") / engaged).alias("engagement_rate"),
        newest["event_id"].alias("last_event_id"),
        newest["occurred_at_ms"].alias("last_event_at_ms"),
    )


STEPS = (
    Recompute(
        name="gold.customer_360",
        job=GOLD_JOB,
        reads=(SILVER_CUSTOMERS, SILVER_ORDERS, SILVER_ACTIVATIONS),
        writes=GOLD_CUSTOMER_360,
        key="customer_id",
        columns=COLUMNS,
        transform=customer_360,
        version="version",
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
