"""What runs persistent queries: the engine's own process, or worker processes (`workers`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Protocol

from ksql_engine.errors import NotReadyError, StatementError
from ksql_engine.formats.base import Formats
from ksql_engine.operators.result import Entry, kept_rows
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.pull_keys import Keys
from ksql_engine.runtime.broker import Broker
from ksql_engine.runtime.jobs import Job, sink_of
from ksql_engine.runtime.query_task import QueryParts, QueryTask
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.state_folder import StateFolder
from ksql_engine.state.rocks import RocksStore

_END_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Lookup:
    """Which rows of a query's result are asked for: those of `keys` (with `windowed`, all their windows), or all."""

    keys: Keys | None
    windowed: bool = False


class RunningQuery(Protocol):
    """A persistent query, wherever it runs. Its methods may be called from any thread."""

    @property
    def plan(self) -> QueryPlan:
        """What the query does."""

    @property
    def status(self) -> str:
        """RUNNING, PAUSED or ERROR (which is retried)."""

    @property
    def error(self) -> str | None:
        """What went wrong last, None while nothing is wrong."""

    @property
    def processed(self) -> int:
        """Committed records since the query's process started."""

    @property
    def late(self) -> int:
        """How often committed records came too late for a window, since the query's process started."""

    def pause(self) -> None:
        """Stop reading after the batch in hand, keep the state."""

    def resume(self) -> None:
        """Go on after `pause`."""

    def rows(self, lookup: Lookup) -> Iterator[Entry | None]:
        """Return the rows asked for, None where one is kept that is not of the result. Raises KsqlError."""

    def end(self) -> None:
        """Finish the batch in hand and close the state; waits for it."""


class Runner(Protocol):
    """Runs queries."""

    def start(self) -> None:
        """Make ready to run queries; does not wait."""

    def run(self, starts: Sequence[tuple[Job, QueryPlan]]) -> Mapping[str, RunningQuery]:
        """Start jobs, whose plans are known, and return the queries by id.

        Raises StorageError, or NotReadyError after `stop`.
        """

    def stop(self, seconds: float) -> None:
        """End everything, each query after the batch in hand; gives up what takes longer than `seconds`."""


class LocalQuery:
    """A query in this process."""

    def __init__(self, task: QueryTask) -> None:
        """Show the query that `task` runs."""
        self.task = task
        self.ended = False

    @property
    def plan(self) -> QueryPlan:
        """What the query does."""
        return self.task.parts.plan

    @property
    def status(self) -> str:
        """RUNNING, PAUSED or ERROR (which is retried)."""
        return self.task.status

    @property
    def error(self) -> str | None:
        """What went wrong last, None while nothing is wrong."""
        return self.task.error

    @property
    def processed(self) -> int:
        """Committed records since the query was started."""
        return self.task.processed

    @property
    def late(self) -> int:
        """How often committed records came too late for a window, since the query was started."""
        return self.task.late

    @property
    def cpu_s(self) -> float:
        """Processor time that the query's thread has used, in seconds."""
        return self.task.cpu_s

    def pause(self) -> None:
        """Stop reading after the batch in hand, keep the state."""
        self.task.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self.task.resume()

    def rows(self, lookup: Lookup) -> Iterator[Entry | None]:
        """Return the rows asked for; those of a windowed key in the order of their windows."""
        name, row_of = kept_rows(self.plan)
        store = self.task.state.store(name)
        if not isinstance(store, RocksStore):
            raise StatementError(f"The query {self.task.parts.query_id} keeps no rows")
        return (row_of(held) for held in _held(store, lookup) if held is not None)

    def end(self) -> None:
        """Finish the batch in hand and close the state."""
        self.ended = True
        self.task.signal_stop()
        self.task.join(_END_SECONDS)


def _held(store: RocksStore, lookup: Lookup) -> Iterator[Any]:
    if lookup.keys is None:
        return store.scan()
    if lookup.windowed:
        return chain.from_iterable(map(store.committed_prefix, lookup.keys))
    return map(store.committed_value, lookup.keys)


class LocalRunner:
    """Runs queries in this process, each in a thread."""

    def __init__(self, settings: EngineSettings, broker: Broker, formats: Formats) -> None:
        """Read and write through `broker` and `formats`."""
        self._settings, self._broker, self._formats = settings, broker, formats
        self._folder = StateFolder(settings.state_dir)
        self._queries: list[LocalQuery] = []
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """There is nothing to make ready."""

    def run(self, starts: Sequence[tuple[Job, QueryPlan]]) -> Mapping[str, LocalQuery]:
        """Start jobs and return the queries by id. Raises StorageError, or NotReadyError after `stop`."""
        with self._lock:
            if self._stopped:
                raise NotReadyError("The engine is stopping")
            return {job.query_id: self._run(job, plan) for job, plan in starts}

    def _run(self, job: Job, plan: QueryPlan) -> LocalQuery:
        parts = QueryParts(
            job.query_id,
            plan,
            sink_of(plan),
            job.statement,
            job.from_latest,
            cached=job.cached,
            exactly_once=job.exactly_once,
            strict=job.strict,
        )
        task = QueryTask(parts, self._settings, self._broker, self._formats, lambda: self._folder.open(job.query_id))
        if job.paused:
            task.pause()
        task.start()
        query = LocalQuery(task)
        self._queries = [*(one for one in self._queries if not one.ended), query]
        return query

    def stop(self, seconds: float) -> None:
        """End all queries, each after the batch in hand; gives up what takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._stopped = True
            running = [query.task for query in self._queries if not query.ended]
        for task in running:
            task.signal_stop()
        for task in running:
            task.join(max(deadline - time.monotonic(), 0.05))
