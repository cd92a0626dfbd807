"""The marketing lab's lakehouse, as a table of contents: every step, in the order in which data passes.

python -m spark.pipeline          all steps, in one driver
python -m spark.pipeline JOB      the steps of one job, e.g. gold_c360 (refused while the driver writes its tables)
"""

import sys

from contracts.marketing import MARKETING
from spark.marketing import (
    count_quality,
    gold_c360,
    ingest_stream,
    publish_c360,
    score_and_publish,
    silver_customers_orders,
)
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Step

STEPS: tuple[Step, ...] = (
    *ingest_stream.STEPS,  #           topics             → bronze.*, bronze.quarantine
    *silver_customers_orders.STEPS,  # bronze.*           → silver.customers, silver.orders, silver.activations
    *gold_c360.STEPS,  #               silver.*           → gold.customer_360
    *publish_c360.STEPS,  #            gold.customer_360  → dom.customer.gold.v1
    *score_and_publish.STEPS,  #       gold.customer_360  → gold.propensity → dom.propensity.score.v1
    *count_quality.STEPS,  #           every table above  → ops.quality
)


if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS, sys.argv[1:]))
