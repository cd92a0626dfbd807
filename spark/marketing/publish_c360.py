"""Who changed in gold? gold.customer_360 → dom.customer.gold.v1, for everyone who does not read Delta.

Grain: one record per customer and change, key = customer_id; a null value when the customer was erased.
"""

import sys

from contracts.marketing import CUSTOMER_GOLD, GOLD_CUSTOMER_360, MARKETING, PUBLISH
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Publish

STEPS = (
    Publish(
        name="publish.customer_360",
        job=PUBLISH,
        reads=GOLD_CUSTOMER_360,
        topic=CUSTOMER_GOLD,
        key="customer_id",
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
