"""A query's operators put together: messages in, records out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ksql_engine.errors import DeserializationError, EvaluationError
from ksql_engine.formats.base import Formats
from ksql_engine.operators.aggregate import aggregate_operator
from ksql_engine.operators.base import Emit, Report
from ksql_engine.operators.cache import Cache
from ksql_engine.operators.endpoints import Decode, Headers, Message, decoder
from ksql_engine.operators.joins import side_operator, stream_table_operators
from ksql_engine.operators.progress import Current, WindowLinks
from ksql_engine.operators.result import TableResult
from ksql_engine.operators.rowwise import explode_operator, filter_operator, project_operator
from ksql_engine.operators.sessions import session_operator
from ksql_engine.operators.stream_joins import stream_join_operators
from ksql_engine.operators.table_joins import foreign_join_operators, table_join_operators
from ksql_engine.operators.windows import time_window_operator
from ksql_engine.plan.model import (
    TABLE,
    AggregateStep,
    ExplodeStep,
    FilterStep,
    ForeignJoinStep,
    ProjectStep,
    QueryPlan,
    SideStep,
    SourceStep,
    Step,
    StreamJoinStep,
    StreamTableJoinStep,
    TableJoinStep,
    inputs_of,
)
from ksql_engine.plan.shape import keeping_step
from ksql_engine.state.store import State
from ksql_engine.types import Row

Rejected = Callable[[Message, str, Exception], None]
"""What is called with a message that cannot be read, the source's name, and why."""


@dataclass(frozen=True)
class Outputs:
    """Where a query's records go, and what is told of records without a value and of those that cannot be read."""

    emit: Emit
    report: Report
    rejected: Rejected


class Pipeline:
    """One running query without its IO.

    `process` may raise RegistryUnavailableError before it changed anything: call it again with the same message.
    """

    def __init__(
        self, plan: QueryPlan, formats: Formats, state: State, outputs: Outputs, *, cached: bool = False
    ) -> None:
        """Build the operators of `plan`; what comes out goes to `outputs`."""
        emit, report, rejected = outputs.emit, outputs.report, outputs.rejected
        self._entries: dict[str, list[tuple[Decode, Emit, str]]] = {}
        self._formats, self._state, self._report = formats, state, report
        self._rejected = rejected
        self.headers: Headers = ()
        self._count = 0
        self._current = Current()
        self._cached = cached and plan.kind == TABLE
        self._cache: Cache | None = None
        self._result: TableResult | None = None
        self._keeping = keeping_step(plan)
        if plan.kind == TABLE and self._keeping is None and (plan.sink is not None or plan.has_filter):
            # Rows are kept before changes are held back: a row that came and went between two commits may have
            # reached the sink before a crash, and only a deletion takes it back.
            self._result = TableResult(self._held(emit), state, not plan.has_filter)
            emit = self._result.process
        self._build(plan.step, emit)

    @property
    def topics(self) -> list[str]:
        """The topics this query reads."""
        return sorted(self._entries)

    def process(self, message: Message) -> None:
        """Run one message through all operators; what comes out of them has its headers."""
        self.headers = message.headers
        self._current.partition = message.partition
        for decode, entry, name in self._entries[message.topic]:
            try:
                record = decode(message)
            except (DeserializationError, EvaluationError) as error:
                self._rejected(message, name, error)
                continue
            if record is not None:
                entry(*record)

    def take_late(self) -> int:
        """Return how often records came too late for a window, since it was asked last."""
        late, self._current.late = self._current.late, 0
        return late

    def flush(self) -> None:
        """Pass on the rows that caching held back; they have no headers, being of several messages."""
        self.headers = ()
        if self._cache is not None:
            self._cache.flush()

    def _held(self, emit: Emit) -> Emit:
        """Return what holds changes back where the rows of the result are kept, if the query is cached."""
        if not self._cached:
            return emit
        self._cache = Cache(emit)
        return self._cache.process

    def _name(self, kind: str) -> str:
        """Return a store's name; it depends on the step's place in the plan alone, so it survives a restart."""
        self._count += 1
        return f"{kind}-{self._count}"

    def _build(self, step: Step, emit: Emit) -> None:
        if isinstance(step, SourceStep):
            entry = (decoder(step, self._formats), emit, step.source.name)
            self._entries.setdefault(step.source.topic, []).append(entry)
            return
        for one, operator in zip(inputs_of(step), self._operators(step, emit), strict=True):
            self._build(one, operator)

    def _operators(self, step: Step, emit: Emit) -> tuple[Emit, ...]:
        """Return one operator for each input of a step."""
        if isinstance(step, FilterStep):
            return (filter_operator(step, emit, self._report),)
        if isinstance(step, ExplodeStep):
            return (explode_operator(step, emit, self._report),)
        if isinstance(step, ProjectStep):
            return (project_operator(step, emit, self._report),)
        if isinstance(step, SideStep):
            return (side_operator(step, emit, self._report),)
        if isinstance(step, AggregateStep):
            return (self._aggregate(step, emit),)
        return self._join_operators(step, emit)

    def _join_operators(self, step: Step, emit: Emit) -> tuple[Emit, ...]:
        if isinstance(step, TableJoinStep):
            return table_join_operators(step, emit, self._state, self._name("join"), self._holder(step))
        if isinstance(step, StreamTableJoinStep):
            return stream_table_operators(step, emit, self._state, self._name("lookup"))
        if isinstance(step, StreamJoinStep):
            return stream_join_operators(step, emit, self._current, self._state, self._name("stream-join"))
        assert isinstance(step, ForeignJoinStep)  # noqa: S101 - the last of the steps
        return foreign_join_operators(step, emit, self._report, self._state, self._name("foreign-join"))

    def _aggregate(self, step: AggregateStep, emit: Emit) -> Emit:
        name, windowing = self._name("aggregate"), step.windowing
        if windowing is None:
            return aggregate_operator(step, emit, self._report, self._state, name, hold=self._holder(step))
        links = WindowLinks(emit, self._report, self._forget, self._current)
        make = session_operator if windowing.info.size is None else time_window_operator
        return make(step, windowing, links, self._state, name)

    def _holder(self, step: Step) -> Callable[[Emit], Emit]:
        return self._held if step is self._keeping else _at_once

    def _forget(self, key: Row) -> None:
        """Drop a row that is past its retention; what is pending of it passes first."""
        if self._cache is not None:
            self._cache.release(key)
        if self._result is not None:
            self._result.forget(key)


def _at_once(emit: Emit) -> Emit:
    return emit
