"""The worker's side: a local runner, told by the server what to do."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Final

from ksql_engine.errors import KsqlError, NotReadyError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.result import Entry
from ksql_engine.runtime.broker import KafkaBroker
from ksql_engine.runtime.jobs import plan_job
from ksql_engine.runtime.registry_client import RegistryClient
from ksql_engine.runtime.runner import LocalQuery, LocalRunner
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.workers.messages import (
    CHUNK_ROWS,
    Answer,
    Close,
    End,
    More,
    Order,
    Pause,
    Pull,
    Report,
    Run,
    Status,
    Stop,
)

_LOG = logging.getLogger(__name__)
_STOP_SECONDS: Final = 3.5
_REPORT_SECONDS: Final = 0.1


class Host:
    """Carries out orders one after the other; reports the state of its queries when it changes."""

    def __init__(self, link: Connection, settings: EngineSettings) -> None:
        """Take orders from `link`."""
        self._link = link
        self._sending = threading.Lock()
        self._functions = builtin_functions()
        registry = RegistryClient(settings.registry_url) if settings.registry_url else None
        self._runner = LocalRunner(settings, KafkaBroker(settings), StandardFormats(registry))
        self._queries: dict[str, LocalQuery] = {}
        self._pulls: dict[int, Iterator[Entry | None]] = {}
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._handlers: dict[type, Callable[[Any], object]] = {
            Run: self._run,
            Pause: self._pause,
            End: self._end,
            Pull: self._pull,
            More: lambda order: self._rows(order.number, order.pull),
            Close: lambda order: self._pulls.pop(order.pull, None),
        }

    def serve(self) -> None:
        """Carry out orders until told to stop."""
        threading.Thread(target=self._receive, name="orders", daemon=True).start()
        threading.Thread(target=self._report, name="reports", daemon=True).start()
        while True:
            order = self._orders.get()
            if isinstance(order, Stop):
                self._runner.stop(_STOP_SECONDS)
                return
            try:
                self._handlers[type(order)](order)
            except Exception as error:
                if not isinstance(error, KsqlError):
                    _LOG.exception("%s failed", type(order).__name__)
                self._send(Answer(getattr(order, "number", 0), str(error)))

    def _receive(self) -> None:
        """Take orders as they come. Without a server the process ends at once: all that counts is on disk."""
        try:
            while True:
                self._orders.put(self._link.recv())
        except (EOFError, OSError):
            os._exit(1)

    def _send(self, report: Report) -> None:
        with self._sending, suppress(OSError):  # without a server: see `_receive`
            self._link.send(report)

    def _run(self, order: Run) -> None:
        job = order.job
        self._queries.update(self._runner.run([(job, plan_job(job, self._functions))]))
        self._send(Answer(order.number))

    def _pause(self, order: Pause) -> None:
        query = self._queries.get(order.query_id)
        if query is not None:
            query.pause() if order.paused else query.resume()

    def _end(self, order: End) -> None:
        query = self._queries.pop(order.query_id, None)
        if query is not None:
            query.end()
        self._send(Answer(order.number))

    def _pull(self, order: Pull) -> None:
        if order.query_id not in self._queries:
            raise NotReadyError(f"The query {order.query_id} is not running")
        self._pulls[order.number] = self._queries[order.query_id].rows(order.lookup)
        self._rows(order.number, order.number)

    def _rows(self, number: int, pull: int) -> None:
        rows = list(islice(self._pulls[pull], CHUNK_ROWS))
        last = len(rows) < CHUNK_ROWS
        if last:
            del self._pulls[pull]
        self._send(Answer(number, rows=rows, last=last))

    def _report(self) -> None:
        told: dict[str, Status] = {}
        while True:
            for query_id, query in list(self._queries.items()):
                status = Status(query_id, query.error, query.processed, query.late, query.cpu_s)
                if told.get(query_id) != status:
                    told[query_id] = status
                    self._send(status)
            time.sleep(_REPORT_SECONDS)
