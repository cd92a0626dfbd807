"""The shape of a query: what must stay the same for a replacement to go on with the old state."""

from __future__ import annotations

from ksql_engine.errors import StatementError
from ksql_engine.plan.model import (
    AggregateStep,
    ForeignJoinStep,
    ProjectStep,
    QueryPlan,
    SourceStep,
    Step,
    StreamJoinStep,
    StreamTableJoinStep,
    TableJoinStep,
    inputs_of,
)


def shape(step: Step) -> tuple[str, ...]:
    """Return the stateful parts of a plan, in order; filters and projections leave no trace."""
    inner = tuple(part for one in inputs_of(step) for part in shape(one))
    own = _own(step)
    return inner if own is None else (*inner, own)


def _own(step: Step) -> str | None:
    if isinstance(step, SourceStep):
        return f"source {step.source.name} pseudo={step.pseudo}"
    if isinstance(step, AggregateStep):
        return f"aggregate {step.text}"
    return _join(step)


def _join(step: Step) -> str | None:
    if isinstance(step, TableJoinStep):
        return f"join {' '.join(step.kinds)}"
    if isinstance(step, StreamTableJoinStep):
        return f"stream-table join {step.kind}"
    if isinstance(step, StreamJoinStep):
        return f"stream-stream join {step.kind} within ({step.before}, {step.after}) grace {step.grace}"
    return f"foreign-key join {step.kind} on {step.text}" if isinstance(step, ForeignJoinStep) else None


def keeping_step(plan: QueryPlan) -> AggregateStep | TableJoinStep | None:
    """Return the step whose state has the rows of a query's result; None when they need a store of their own."""
    if not isinstance(plan.step, ProjectStep) or plan.step.key is not None:
        return None
    step = plan.step.input
    if isinstance(step, TableJoinStep) or (isinstance(step, AggregateStep) and step.windowing is None):
        return step
    return None


def check_shape(name: str, old: QueryPlan, new: QueryPlan) -> None:
    """Raise StatementError when `new` cannot go on with the state of `old`."""
    before, after = shape(old.step), shape(new.step)
    if before == after:
        if keeping_step(old) is not None and keeping_step(new) is None:
            raise StatementError(
                f"Cannot replace query of `{name}`: it keeps no rows but those of its join or aggregation, to which no "
                f"condition can be added. Drop it and create it again."
            )
        return
    changed = [part for part in before if part not in after] or [part for part in after if part not in before]
    raise StatementError(
        f"Cannot replace query of `{name}`: its sources, joins and aggregations must stay the same, but "
        f"'{changed[0] if changed else 'their order'}' is changed. Drop it and create it again."
    )
