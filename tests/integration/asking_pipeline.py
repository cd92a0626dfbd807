"""The lab's pipeline with two jobs that ask for a field which no schema has yet: `campaign` of a profile, in gold."""

import sys
from dataclasses import replace

from pyspark.sql import DataFrame

from contracts.marketing import GOLD_CUSTOMER_360, MARKETING, SILVER_CUSTOMERS
from spark.marketing.gold_c360 import customer_360
from spark.pipeline import STEPS
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Recompute, Step, Upsert


def customer_360_with_campaign(tables: list[DataFrame], computed_at_ms: int) -> DataFrame:
    """The production rows, each with the customer's campaign."""
    campaigns = tables[0].select("customer_id", "campaign")
    return customer_360(tables, computed_at_ms).join(campaigns, "customer_id")


def asking(step: Step) -> Step:
    """The step, with the new field where it writes customers."""
    if isinstance(step, Upsert) and step.writes == SILVER_CUSTOMERS:
        return replace(step, optional="campaign STRING")
    if isinstance(step, Recompute) and step.writes == GOLD_CUSTOMER_360:
        return replace(step, columns=f"{step.columns}, campaign STRING", transform=customer_360_with_campaign)
    return step


if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, tuple(asking(step) for step in STEPS)))
