"""Pull queries over the current rows of tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from ksql_engine.dialect.statements import Query
from ksql_engine.errors import KsqlError, StatementError
from ksql_engine.operators.result import Entry
from ksql_engine.plan.pull import PullPlan, check_pull, plan_pull
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.runner import Lookup
from ksql_engine.types import Row

_LOG = logging.getLogger(__name__)


def pulls_table(engine: Engine, query: Query) -> bool:
    """Tell whether a pull query asks a table, not a stream. Raises StatementError."""
    check_pull(query)
    return engine.metastore.source(query.source.name).is_table


def run_pull(engine: Engine, query: Query, properties: Mapping[str, str]) -> tuple[PullPlan, Iterator[Row]]:
    """Return the plan and the rows of a pull query over a table. Raises StatementError."""
    with engine.lock:
        plan = plan_pull(query, engine.metastore, engine.functions.with_config(properties), properties)
        task = engine.tasks.get(plan.source.query_id or "")
    if task is None:
        raise StatementError(f"The query that materialises `{plan.source.name}` is terminated")
    return plan, _pulled(plan, task.rows(Lookup(plan.keys, windowed=plan.source.window is not None)))


def _pulled(plan: PullPlan, rows: Iterator[Entry | None]) -> Iterator[Row]:
    width = len(plan.source.row_columns)
    sent = 0
    for entry in rows:
        if plan.limit is not None and sent >= plan.limit:
            return
        if entry is None:
            continue
        key, value, moment = entry
        row = (*value, *(None,) * (width - len(value)), moment)
        if plan.predicate is None or _holds(plan, key, row):
            yield plan.projection(key, row, _ignore)
            sent += 1


def _holds(plan: PullPlan, key: Row, row: Row) -> bool:
    try:
        return plan.predicate is not None and plan.predicate(key, row) is True
    except (TypeError, ArithmeticError, KsqlError):
        return False


def _ignore(_message: str, _error: Exception) -> None:
    """A client sees null where an expression has no value."""
