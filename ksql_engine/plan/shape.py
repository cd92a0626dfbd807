"""The shape of a query: what must stay the same for a replacement to go on with the old state."""

from __future__ import annotations

from ksql_engine.errors import StatementError
from ksql_engine.plan.model import (
    AggregateStep,
    FilterStep,
    ProjectStep,
    QueryPlan,
    SourceStep,
    Step,
    StreamTableJoinStep,
    TableJoinStep,
)


def shape(step: Step) -> tuple[str, ...]:
    """Return the stateful parts of a plan, in order; filters and projections leave no trace."""
    if isinstance(step, SourceStep):
        return (f"source {step.source.name} pseudo={step.pseudo}",)
    if isinstance(step, (FilterStep, ProjectStep)):
        return shape(step.input)
    if isinstance(step, AggregateStep):
        return (*shape(step.input), f"aggregate {step.text}")
    if isinstance(step, TableJoinStep):
        inner = [part for one in step.inputs for part in shape(one)]
        return (*inner, f"join {' '.join(step.kinds)}")
    return _stream_table_shape(step)


def _stream_table_shape(step: StreamTableJoinStep) -> tuple[str, ...]:
    return (*shape(step.stream), *shape(step.table), f"stream-table join {step.kind}")


def check_shape(name: str, old: QueryPlan, new: QueryPlan) -> None:
    """Raise StatementError when `new` cannot go on with the state of `old`."""
    before, after = shape(old.step), shape(new.step)
    if before == after:
        return
    changed = [part for part in before if part not in after] or [part for part in after if part not in before]
    raise StatementError(
        f"Cannot replace query of `{name}`: its sources, joins and aggregations must stay the same, but "
        f"'{changed[0] if changed else 'their order'}' is changed. Drop it and create it again."
    )
