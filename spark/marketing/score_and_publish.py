"""How likely is a customer to order again? gold.customer_360 → gold.propensity → dom.propensity.score.v1.

Grain: one row per customer, as of a stated time.

score = 1 / (1 + e^-(base + Σ weight × input)), with each input brought to 0..1 first:
    orders       order_count / 10, at most 1
    value        lifetime value / $5,000, at most 1
    recency      e^(-days since the last order / 30); 0 without an order
    engagement   (delivered + 1) / (delivered + failed + 2): without any activation neither good nor bad
A contribution is weight × input. The weights are set by hand, not learnt: the lab has no outcome to learn from.
"""

import sys

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from contracts.marketing import GOLD_CUSTOMER_360, GOLD_PROPENSITY, MARKETING, PROPENSITY_SCORE, SCORE
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Publish, Recompute

BASE = -2.0
WEIGHTS = {"orders": 1.5, "value": 1.0, "recency": 2.0, "engagement": 1.0}
FULL_ORDERS = 10
FULL_VALUE_CENTS = 500_000
RECENCY_DAYS = 30
DAY_MS = 24 * 3600 * 1000
HOUR_S = 3600.0

COLUMNS = (
    "customer_id STRING, score DOUBLE, "
    "inputs STRUCT<order_count: BIGINT, lifetime_value_cents: BIGINT, days_since_last_order: BIGINT, "
    "delivered: BIGINT, failed: BIGINT>, "
    "contributions STRUCT<base: DOUBLE, orders: DOUBLE, value: DOUBLE, recency: DOUBLE, engagement: DOUBLE>, "
    "scored_at_ms BIGINT, as_of_ms BIGINT"
)


def normalised() -> dict[str, Column]:
    """Each input between 0 and 1, from the columns of `inputs`."""
    engaged = sf.col("delivered") + sf.col("failed")
    recency = sf.exp(-sf.col("days_since_last_order") / RECENCY_DAYS)
    return {
        "orders": sf.least(sf.col("order_count") / FULL_ORDERS, sf.lit(1.0)),
        "value": sf.least(sf.col("lifetime_value_cents") / FULL_VALUE_CENTS, sf.lit(1.0)),
        "recency": sf.coalesce(recency, sf.lit(0.0)),
        "engagement": (sf.col("delivered") + 1) / (engaged + 2),
    }


def propensity(tables: list[DataFrame], computed_at_ms: int) -> DataFrame:
    """Gold rows → scores as of `computed_at_ms`. Days are whole days, so a score changes once a day by time alone."""
    (customers,) = tables
    as_of = sf.lit(computed_at_ms).cast("bigint")
    inputs = ("order_count", "lifetime_value_cents", "days_since_last_order", "delivered", "failed")
    days = sf.floor(sf.greatest(as_of - sf.col("last_order_at_ms"), sf.lit(0)) / DAY_MS).cast("bigint")
    since = sf.when(sf.col("last_order_at_ms").isNotNull(), days)
    parts = {name: (value * WEIGHTS[name]).alias(name) for name, value in normalised().items()}
    return (
        customers.withColumn("days_since_last_order", since)
        .select("customer_id", sf.struct(*inputs).alias("inputs"), *parts.values())
        .withColumn("score", 1 / (1 + sf.exp(-(sf.lit(BASE) + sum((sf.col(name) for name in parts), sf.lit(0.0))))))
        .select(
            "customer_id",
            "score",
            "inputs",
            sf.struct(sf.lit(BASE).alias("base"), *parts).alias("contributions"),
            as_of.alias("scored_at_ms"),
            as_of.alias("as_of_ms"),
        )
    )


STEPS = (
    Recompute(
        name="gold.propensity",
        job=SCORE,
        reads=(GOLD_CUSTOMER_360,),
        writes=GOLD_PROPENSITY,
        key="customer_id",
        columns=COLUMNS,
        transform=propensity,
        ignored=("scored_at_ms", "as_of_ms"),
        every_s=HOUR_S,
        urgent=False,
    ),
    Publish(
        name="publish.propensity",
        job=SCORE,
        reads=GOLD_PROPENSITY,
        topic=PROPENSITY_SCORE,
        key="customer_id",
        urgent=False,
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
