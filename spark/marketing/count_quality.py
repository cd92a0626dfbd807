"""Are the tables as they should be? Every table → ops.quality: rows checked and rows that broke an expectation.

Grain: one row per table, expectation and count. What is expected stands with each table in the contract; for bronze
it is the rules of ingest_stream.py, and what broke one is in quarantine.
"""

import sys

from contracts.marketing import COUNT_QUALITY, MARKETING, QUALITY
from spark.marketing import ingest_stream
from spark.runtime.inspection import COLUMNS
from spark.runtime.main import run_pipeline
from spark.runtime.steps import Inspect

STEPS = (
    Inspect(
        name="ops.quality",
        job=COUNT_QUALITY,
        reads=tuple(table for table in MARKETING.tables if COUNT_QUALITY in table.readers),
        writes=QUALITY,
        ingests=ingest_stream.STEPS,
        columns=COLUMNS,
        every_s=15.0,
    ),
)

if __name__ == "__main__":
    sys.exit(run_pipeline(MARKETING, STEPS))
