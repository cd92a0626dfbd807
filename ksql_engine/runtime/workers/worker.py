"""The server's side of one worker: a process that is started again, with its queries, whenever it ends."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from dataclasses import replace
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from ksql_engine.errors import NotReadyError, StorageError
from ksql_engine.operators.result import Entry
from ksql_engine.plan.model import QueryPlan
from ksql_engine.runtime.jobs import Job
from ksql_engine.runtime.runner import Lookup
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.workers.messages import Answer, Close, End, More, Order, Pause, Pull, Report, Run, Status, Stop

_LOG = logging.getLogger(__name__)
_ANSWER_SECONDS: Final = 30.0
_RESTART_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.1
_MAX_PAUSE: Final = 5.0
_STEADY_SECONDS: Final = 30.0


class Worker:
    """One worker. Its methods may be called from any thread."""

    def __init__(self, number: int, settings: EngineSettings) -> None:
        """Prepare; `start` begins."""
        self.number = number
        self._settings = settings
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._link: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._waiting: dict[int, Future[Answer]] = {}
        self._runs: dict[str, Run] = {}
        self._queries: dict[str, RemoteQuery] = {}
        self._thread = threading.Thread(target=self._supervise, name=f"worker-{number}", daemon=True)

    def start(self) -> None:
        """Start the process; does not wait for it."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process's id, None before it is started."""
        return self._process.pid if self._process else None

    @property
    def query_ids(self) -> list[str]:
        """The queries that it runs."""
        with self._changed:
            return list(self._runs)

    def run(self, job: Job, plan: QueryPlan) -> tuple[RemoteQuery, Future[Answer]]:
        """Start a query; the future has an answer when its state is open."""
        query = RemoteQuery(job, plan, self)
        order = Run(next(self._numbers), job)
        with self._changed:
            self._queries[job.query_id] = query
            self._runs[job.query_id] = order
            return query, self._post(order)

    def pause(self, query_id: str, paused: bool) -> None:
        """Pause a query or go on with it."""
        with self._changed:
            order = self._runs[query_id]
            self._runs[query_id] = replace(order, job=replace(order.job, paused=paused))
            self._send(Pause(query_id, paused))

    def end(self, query_id: str) -> None:
        """End a query and wait until its state is closed."""
        with self._changed:
            self._runs.pop(query_id, None)
            self._queries.pop(query_id, None)
            if self._link is None:
                return
            ended = self._post(End(next(self._numbers), query_id))
        try:
            answered(ended, _ANSWER_SECONDS)
        except NotReadyError as error:
            _LOG.info("%s: ended without an answer (%s)", query_id, error)

    def rows(self, query_id: str, lookup: Lookup) -> Iterator[Entry | None]:
        """Yield rows of a query's result, fetched some at a time. Raises NotReadyError, StorageError."""
        pull = next(self._numbers)
        answer = self._first(Pull(pull, query_id, lookup))
        try:
            yield from answer.rows
            while not answer.last:
                answer = self._ask(More(next(self._numbers), pull))
                yield from answer.rows
        finally:
            if not answer.last:
                with self._changed:
                    self._send(Close(pull))

    def _first(self, order: Pull) -> Answer:
        """Return the first answer to a Pull; a worker that is lost meanwhile is asked again when it is back."""
        deadline = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._ask(order)
            except NotReadyError:
                if time.monotonic() > deadline or self._stopping.is_set():
                    raise

    def _ask(self, order: Pull | More) -> Answer:
        with self._changed:
            self._changed.wait_for(lambda: self._link is not None or self._stopping.is_set(), _RESTART_SECONDS)
            if self._link is None:
                raise NotReadyError(f"Worker {self.number} is being started again")
            asked = self._post(order)
        return answered(asked, _ANSWER_SECONDS)

    def _post(self, order: Run | End | Pull | More) -> Future[Answer]:
        """Send what is answered; the caller holds the lock."""
        answer: Future[Answer] = Future()
        if self._stopping.is_set():
            answer.set_exception(NotReadyError("The engine is stopping"))
            return answer
        self._waiting[order.number] = answer
        self._send(order)
        return answer

    def _send(self, order: Order) -> None:
        """Send an order, if there is a process; the caller holds the lock. A lost one is noticed where it is read."""
        if self._link is not None:
            try:
                self._link.send(order)
            except OSError as error:
                _LOG.debug("worker %d: %s", self.number, error)

    def stop(self) -> None:
        """Tell the process to stop; does not wait."""
        with self._changed:
            self._stopping.set()
            self._send(Stop())
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the process's end after `stop`; it is killed after `seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            _LOG.warning("worker %d did not stop in time", self.number)
            self._process.kill()
            self._process.wait()

    def _supervise(self) -> None:
        try:
            self._keep_alive()
        finally:
            self._lost("stopped")

    def _keep_alive(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                reason = self._live()
            except OSError as error:
                reason = str(error)
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _STEADY_SECONDS else min(pause * 2, _MAX_PAUSE)
            _LOG.warning("worker %d ended (%s); it is started again in %.1f s", self.number, reason, pause)
            self._stopping.wait(pause)

    def _live(self) -> str:
        """Start a process with all queries, listen to it until it ends, and return how it ended. Raises OSError."""
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "ksql_engine.runtime.workers", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        with ours:
            self._begin(process, ours)
            self._listen(ours)
            process.kill()
            reason = f"exit code {process.wait()}"
            self._lost(reason)
        return reason

    def _begin(self, process: subprocess.Popen[bytes], link: Connection) -> None:
        with self._changed:
            self._process = process
            if self._stopping.is_set():
                return
            self._link = link
            try:
                link.send(self._settings)
            except OSError as error:
                _LOG.debug("worker %d: %s", self.number, error)
            for order in self._runs.values():
                self._send(order)
            self._changed.notify_all()

    def _listen(self, link: Connection) -> None:
        if self._link is None:
            return
        try:
            while True:
                self._heard(link.recv())
        except (EOFError, OSError):
            return

    def _heard(self, report: Report) -> None:
        with self._changed:
            if isinstance(report, Status):
                query = self._queries.get(report.query_id)
                if query is not None:
                    query.error, query.processed, query.late = report.error, report.processed, report.late
                    query.cpu_s = report.cpu_s
                return
            asked = self._waiting.pop(report.number, None)
            if asked is None and report.error is not None:
                self._not_restarted(report)
        if asked is not None:
            asked.set_result(report)

    def _not_restarted(self, answer: Answer) -> None:
        for query_id, order in self._runs.items():
            if order.number == answer.number:
                _LOG.error("%s: cannot be started again: %s", query_id, answer.error)
                self._queries[query_id].error = answer.error

    def _lost(self, reason: str) -> None:
        """Fail what the lost process can no longer answer; queries to run are given to the next one."""
        with self._changed:
            self._link = None
            kept = set() if self._stopping.is_set() else {order.number for order in self._runs.values()}
            lost = [self._waiting.pop(number) for number in list(self._waiting) if number not in kept]
            for query in self._queries.values():
                query.error = f"Worker {self.number} ended ({reason}); it is started again"
        for asked in lost:
            asked.set_exception(NotReadyError(f"Worker {self.number} ended ({reason}); try again"))


def answered(asked: Future[Answer], seconds: float) -> Answer:
    """Return an answer that comes within `seconds`. Raises NotReadyError, or StorageError for an error."""
    wait([asked], seconds)
    if not asked.done():
        raise NotReadyError(f"A worker did not answer within {seconds:.0f} s")
    answer = asked.result()
    if answer.error is not None:
        raise StorageError(answer.error)
    return answer


class RemoteQuery:
    """A query in a worker, as far as the worker has told."""

    def __init__(self, job: Job, plan: QueryPlan, worker: Worker) -> None:
        """Show the query of `job`."""
        self.plan = plan
        self.error: str | None = None
        self.processed = 0
        self.late = 0
        self.cpu_s = 0.0
        self._query_id, self._worker = job.query_id, worker
        self._paused = job.paused

    @property
    def status(self) -> str:
        """RUNNING, PAUSED or ERROR (which is retried)."""
        if self._paused:
            return "PAUSED"
        return "ERROR" if self.error else "RUNNING"

    def pause(self) -> None:
        """Stop reading after the batch in hand, keep the state."""
        self._paused = True
        self._worker.pause(self._query_id, True)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self._worker.pause(self._query_id, False)

    def rows(self, lookup: Lookup) -> Iterator[Entry | None]:
        """Return the rows asked for. Raises NotReadyError, StorageError."""
        return self._worker.rows(self._query_id, lookup)

    def end(self) -> None:
        """Finish the batch in hand and close the state; waits for it."""
        self._worker.end(self._query_id)
