"""The query behind a SOURCE TABLE: it keeps the table's rows, so that pull queries can read them."""

from __future__ import annotations

from ksql_engine.plan.model import QueryPlan, Source, SourceStep


def materialises(source: Source) -> bool:
    """Tell whether a declared source has such a query."""
    return source.read_only and source.is_table


def plan_materialising(source: Source) -> QueryPlan:
    """Return the plan of the query that keeps the rows of a declared table."""
    step = SourceStep(source, pseudo=False)
    return QueryPlan(
        step, source.kind, source.schema, source, sources=(source.name,), window=source.window, writes=False
    )
