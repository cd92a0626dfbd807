"""Who are the customers, what did they order, how were they engaged? Bronze → silver, each fact once.

Grain: customers one row per living customer (the profile of the highest offset; an erase removes it), orders one row
per order_id, activations one row per activation_id (the first position wins).
"""

import sys

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

from contracts.marketing import (
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    MARKETING,
    SILVER,
    SILVER_ACTIVATIONS,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Insert, Upsert

_POSITION = "_topic STRING, _partition INT, _offset BIGINT"
CUSTOMER_COLUMNS = (
    "customer_id STRING, email STRING, first_name STRING, last_name STRING, created_at_ms BIGINT, "
    f"lifecycle_stage STRING, is_active BOOLEAN, event_id STRING, occurred_at_ms BIGINT, {_POSITION}"
)
ORDER_COLUMNS = (
    "order_id STRING, customer_id STRING, order_total_cents BIGINT, "
    "items ARRAY<STRUCT<sku: STRING, quantity: INT, price_cents: BIGINT>>, currency STRING, channel STRING, "
    f"placed_at_ms BIGINT, event_id STRING, occurred_at_ms BIGINT, {_POSITION}"
)
ACTIVATION_COLUMNS = (
    "activation_id STRING, order_id STRING, customer_id STRING, channel STRING, status STRING, "
    f"delivered_at_ms BIGINT, attempts INT, event_id STRING, occurred_at_ms BIGINT, {_POSITION}"
)


def _top_of_each(rows: DataFrame, key: str, *order: Column) -> DataFrame:
    """The row of each `key` that comes first by `order`."""
    ranked = rows.withColumn("_rank", sf.row_number().over(Window.partitionBy(key).orderBy(*order)))
    return ranked.where("_rank = 1").drop("_rank")


def latest_profiles(profiles: DataFrame) -> DataFrame:
    """Bronze profiles → the last one of each customer; `_is_tombstone` where the last record erases.

    A tombstone carries no fields, so the customer is the record's key.
    """
    keyed = profiles.withColumn("customer_id", sf.col("_key"))
    return _top_of_each(keyed, "customer_id", sf.col("_offset").desc(), sf.col("_partition").desc())


def first_orders(orders: DataFrame) -> DataFrame:
    """Bronze orders → the first record of each order."""
    return _top_of_each(orders, "order_id", sf.col("_partition"), sf.col("_offset"))


def first_activations(activations: DataFrame) -> DataFrame:
    """Bronze activations → the first record of each activation."""
    return _top_of_each(activations, "activation_id", sf.col("_partition"), sf.col("_offset"))


STEPS = (
    Upsert(
        name="silver.customers",
        job=SILVER,
        reads=BRONZE_PROFILES,
        writes=SILVER_CUSTOMERS,
        key="customer_id",
        position="_offset",
        gone="_is_tombstone",
        columns=CUSTOMER_COLUMNS,
        transform=latest_profiles,
    ),
    Insert(
        name="silver.orders",
        job=SILVER,
        reads=BRONZE_ORDERS,
        writes=SILVER_ORDERS,
        key="order_id",
        columns=ORDER_COLUMNS,
        transform=first_orders,
    ),
    Insert(
        name="silver.activations",
        job=SILVER,
        reads=BRONZE_ACTIVATIONS,
        writes=SILVER_ACTIVATIONS,
        key="activation_id",
        columns=ACTIVATION_COLUMNS,
        transform=first_activations,
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
