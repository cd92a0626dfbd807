"""All workers together: which of them runs which query."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from ksql_engine.plan.model import QueryPlan
from ksql_engine.runtime.jobs import Job
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.workers.homes import Homes
from ksql_engine.runtime.workers.worker import RemoteQuery, Worker, answered

_RUN_SECONDS: Final = 60.0


class WorkerPool:
    """Runs queries in `settings.workers` processes."""

    def __init__(self, settings: EngineSettings) -> None:
        """Prepare; `start` begins."""
        self._workers = [Worker(number, settings) for number in range(settings.workers)]
        self._homes = Homes(settings.state_dir / "homes.json", settings.workers)
        self._queries: dict[str, RemoteQuery] = {}

    def start(self) -> None:
        """Start the processes; does not wait for them."""
        for worker in self._workers:
            worker.start()

    def run(self, starts: Sequence[tuple[Job, QueryPlan]]) -> Mapping[str, RemoteQuery]:
        """Start jobs, whose plans are known, and return the queries by id.

        Raises StorageError, or NotReadyError after `stop`.
        """
        running = {query_id for worker in self._workers for query_id in worker.query_ids}
        self._homes.place([(job.query_id, plan) for job, plan in starts], running)
        begun = [self._workers[self._homes.of(job.query_id)].run(job, plan) for job, plan in starts]
        queries = {job.query_id: query for (job, _), (query, _) in zip(starts, begun, strict=True)}
        deadline = time.monotonic() + _RUN_SECONDS
        for _, answer in begun:
            answered(answer, max(0.0, deadline - time.monotonic()))
        self._queries.update(queries)
        return queries

    def stop(self, seconds: float) -> None:
        """End everything, each query after the batch in hand; gives up what takes longer than `seconds`."""
        self._homes.measured({query_id: query.cpu_s for query_id, query in self._queries.items()})
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(max(deadline - time.monotonic(), 0.05))
