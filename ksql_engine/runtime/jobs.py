"""A persistent query in a form that any process can run: plans are made of code and cannot be sent or stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateAsSelect, InsertInto
from ksql_engine.errors import StatementError
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.config import exactly_once, stops_at_unreadable
from ksql_engine.plan.materialise import plan_materialising
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import QueryPlan, Source
from ksql_engine.plan.sources import plan_create_as, plan_insert
from ksql_engine.types import SqlType


@dataclass(frozen=True)
class Job:
    """A query to be run: its statement, and the sources and types it refers to as they were when it was made."""

    query_id: str
    statement: str
    sources: tuple[Source, ...]
    types: Mapping[str, SqlType] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    from_latest: tuple[str, ...] = ()
    paused: bool = False

    @property
    def cached(self) -> bool:
        """Whether a commit writes a key's last result only."""
        given = self.properties
        return str(given.get("cache.max.bytes.buffering", given.get("statestore.cache.max.bytes", "1"))) != "0"

    @property
    def exactly_once(self) -> bool:
        """Whether the query writes in transactions."""
        return exactly_once(self.properties)

    @property
    def strict(self) -> bool:
        """Whether a record that cannot be read stops the query."""
        return stops_at_unreadable(self.properties)


def plan_job(job: Job, functions: FunctionRegistry) -> QueryPlan:
    """Return the plan of a job: the one its statement had. Raises StatementError."""
    metastore = Metastore()
    metastore.sources.update((source.name, source) for source in job.sources)
    statement = parse_statement(job.statement, dict(job.types))
    if isinstance(statement, InsertInto):
        return plan_insert(statement, metastore, functions)
    if isinstance(statement, CreateAsSelect):
        return plan_create_as(statement, metastore, functions, job.properties).with_id(job.query_id)
    return plan_materialising(job.sources[0]).with_id(job.query_id)


def sink_of(plan: QueryPlan) -> Source:
    """Return the sink of a persistent query's plan. Raises StatementError when it has none."""
    if plan.sink is None:
        raise StatementError("a persistent query needs a sink")
    return plan.sink
