"""Queries that answer a client: pull queries over current rows, push queries over what comes."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from confluent_kafka import KafkaException

from ksql_engine.dialect.statements import Query
from ksql_engine.errors import KsqlError, StatementError, TooManyQueriesError
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.operators.result import RESULT
from ksql_engine.plan.config import flag
from ksql_engine.plan.model import TABLE, QueryPlan, sources_of
from ksql_engine.plan.pull import PullPlan, check_pull, plan_pull
from ksql_engine.plan.queries import plan_query
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.runtime.engine import Engine
from ksql_engine.state.rocks import Offsets, RocksStore
from ksql_engine.state.store import MemoryState
from ksql_engine.types import Row

_LOG = logging.getLogger(__name__)
_QUEUE_ROWS: Final = 1000
_START_SECONDS: Final = 10.0
_DONE: Final = object()


def pulls_table(engine: Engine, query: Query) -> bool:
    """Tell whether a pull query asks a table, not a stream. Raises StatementError."""
    check_pull(query)
    return engine.metastore.source(query.source.name).is_table


def run_pull(engine: Engine, query: Query, properties: Mapping[str, str]) -> tuple[PullPlan, Iterator[Row]]:
    """Return the plan and the rows of a pull query over a table. Raises StatementError."""
    with engine.lock:
        plan = plan_pull(query, engine.metastore, engine.functions, properties)
        task = engine.tasks.get(plan.source.query_id or "")
    store = task.state.store(RESULT) if task is not None else None
    if not isinstance(store, RocksStore):
        raise StatementError(f"The query that materialises `{plan.source.name}` is terminated")
    return plan, _pulled(plan, store)


def _pulled(plan: PullPlan, store: RocksStore) -> Iterator[Row]:
    width = len(plan.source.row_columns)
    held = _held(plan, store)
    sent = 0
    for entry in held:
        if plan.limit is not None and sent >= plan.limit:
            return
        if entry is None:
            continue
        key, value, moment = entry
        row = (*value, *(None,) * (width - len(value)), moment)
        if plan.predicate is None or _holds(plan, key, row):
            yield plan.projection(key, row, _ignore)
            sent += 1


def _held(plan: PullPlan, store: RocksStore) -> Iterator[Any]:
    """Yield the rows that may be meant; those of a windowed key in the order of their windows."""
    if plan.keys is None:
        return store.scan()
    if plan.source.window is None:
        return map(store.committed_value, plan.keys)
    return chain.from_iterable(map(store.committed_prefix, plan.keys))


def _holds(plan: PullPlan, key: Row, row: Row) -> bool:
    try:
        return plan.predicate is not None and plan.predicate(key, row) is True
    except (TypeError, ArithmeticError, KsqlError):
        return False


def _ignore(_message: str, _error: Exception) -> None:
    """A client sees null where an expression has no value."""


class PushQuery:
    """A query for one client: a thread that fills a bounded queue, so a slow client slows only itself."""

    def __init__(
        self,
        engine: Engine,
        plan: QueryPlan,
        from_latest: tuple[str, ...],
        *,
        prefix: str = "transient",
        until_end: bool = False,
    ) -> None:
        """Prepare; `start` runs it. With `until_end` it ends with the records that are there when it starts."""
        self.query_id = f"{prefix}_{'_'.join(plan.sources)}_{uuid.uuid4().int % 10**19}"
        self.plan = plan
        self.error: str | None = None
        self._engine = engine
        self._from_latest = from_latest
        self._rows: queue.Queue[Any] = queue.Queue(_QUEUE_ROWS)
        self._until_end = until_end
        self._stop = threading.Event()
        self._reading = threading.Event()
        self._sent = 0
        self._thread = threading.Thread(target=self._run, name=self.query_id, daemon=True)

    def start(self) -> None:
        """Start, and wait until it is settled where reading begins: records after this are seen."""
        self._thread.start()
        self._reading.wait(_START_SECONDS)

    def close(self) -> None:
        """End the query; does not wait."""
        self._stop.set()

    @property
    def limited(self) -> bool:
        """Whether the query has sent as many rows as its LIMIT allows."""
        return self.plan.limit is not None and self._sent >= self.plan.limit

    def take(self, seconds: float) -> tuple[Row, Row | None] | None:
        """Return the next (key, value), or None when there is none yet. Raises StopIteration at the end."""
        try:
            found = self._rows.get(timeout=seconds)
        except queue.Empty:
            if not self._thread.is_alive() and self._rows.empty():
                raise StopIteration from None
            return None
        if found is _DONE:
            raise StopIteration
        pair: tuple[Row, Row | None] = found
        return pair

    def _run(self) -> None:
        try:
            self._read()
        except (KafkaException, KsqlError) as error:
            self.error = str(error)
        except Exception as error:
            _LOG.exception("%s failed", self.query_id)
            self.error = str(error)
        finally:
            self._reading.set()
            self._put(_DONE)

    def _read(self) -> None:
        engine, plan = self._engine, self.plan
        topics = sorted({step.source.topic for step in sources_of(plan.step)})
        feed = engine.broker.feed(f"{engine.settings.group_id('')}{self.query_id}", topics)
        try:
            pipeline = Pipeline(plan, engine.formats, MemoryState(), Outputs(self._emit, _ignore, self._rejected))
            feed.start({}, self._from_latest)
            ends = feed.ends() if self._until_end else None
            self._reading.set()
            while not self._finished() and not _at_end(feed, ends):
                for message in feed.batch(0.0):
                    pipeline.process(message)
                    if self._finished():
                        return
        finally:
            feed.close()

    def _finished(self) -> bool:
        return self._stop.is_set() or self.limited

    def _emit(self, key: Row, value: Row | None, _time: int) -> None:
        if self._finished() or (value is None and self.plan.kind != TABLE):
            return
        self._sent += 1
        self._put((key, value))

    def _put(self, item: Any) -> None:
        """Queue a row; wait for the client, but not after the query was closed."""
        while True:
            try:
                self._rows.put(item, timeout=0.5)
                return
            except queue.Full:
                if self._stop.is_set():
                    return

    def _rejected(self, message: Message, source: str, error: Exception) -> None:
        _LOG.info("%s: skipped a record of %s (%s): %s", self.query_id, message.topic, source, error)


def _at_end(feed: InputFeed, ends: Offsets | None) -> bool:
    """Tell whether a feed has read up to `ends`; never without them."""
    return ends is not None and all(feed.positions.get(place, 0) >= end for place, end in ends.items())


def _is_scalable(query: Query, properties: Mapping[str, str]) -> bool:
    """Tell whether ksqlDB would serve a push query from the latest records of one that runs, and name it so."""
    plain = not (query.joins or query.group_by or query.partition_by or query.window)
    return plain and flag(properties, "ksql.query.push.v2.enabled", False)


class PushQueries:
    """The push queries that are open."""

    def __init__(self, engine: Engine) -> None:
        """Start none."""
        self._engine = engine
        self._open: dict[str, PushQuery] = {}
        self._lock = threading.Lock()

    def open(self, query: Query, properties: dict[str, str]) -> PushQuery:
        """Start a push query, or a pull query over a stream. Raises StatementError, or TooManyQueriesError."""
        engine = self._engine
        engine.check_ready()
        with engine.lock:
            plan = plan_query(query, engine.metastore, engine.functions.with_config(properties), None).plan
            topics = [engine.metastore.source(name).topic for name in plan.sources]
        reset = properties.get("auto.offset.reset", engine.settings.auto_offset_reset)
        pull = query.emit is None
        latest = tuple(topics) if reset == "latest" and not pull else ()
        prefix = "SCALABLE_PUSH_QUERY" if latest and _is_scalable(query, properties) else "transient"
        pushed = PushQuery(engine, plan, latest, prefix=prefix, until_end=pull)
        with self._lock:
            if len(self._open) >= engine.settings.max_push_queries:
                raise TooManyQueriesError(
                    f"Maximum number of concurrent push queries is {engine.settings.max_push_queries}"
                )
            self._open[pushed.query_id] = pushed
        pushed.start()
        return pushed

    def close(self, query_id: str) -> bool:
        """End a push query; tell whether there was one."""
        with self._lock:
            found = self._open.pop(query_id, None)
        if found is not None:
            found.close()
        return found is not None

    def close_all(self) -> None:
        """End all push queries."""
        for query_id in list(self._open):
            self.close(query_id)
