"""All aggregate functions (ksqlDB reference, "Aggregate functions")."""

from __future__ import annotations

from typing import Final

from ksql_engine.functions.aggregate import AggregateFunction
from ksql_engine.functions.aggregates import by_offset, collected, counts, numbers, ranked

AGGREGATES: Final[tuple[AggregateFunction, ...]] = (
    *counts.AGGREGATES,
    *numbers.AGGREGATES,
    *collected.AGGREGATES,
    *by_offset.AGGREGATES,
    *ranked.AGGREGATES,
)
