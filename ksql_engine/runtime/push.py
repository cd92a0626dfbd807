"""Push queries, and pull queries over streams: a plan of their own over Kafka, for one client."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Mapping
from typing import TypeVar

from ksql_engine.dialect.statements import PrintTopic, Query
from ksql_engine.errors import DeserializationError, TooManyQueriesError
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.config import flag, stops_at_unreadable
from ksql_engine.plan.model import TABLE, QueryPlan, sources_of
from ksql_engine.plan.queries import plan_query
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.live import POLL_SECONDS, Live
from ksql_engine.runtime.printing import TopicPrint
from ksql_engine.runtime.processing_log import unreadable
from ksql_engine.state.rocks import Offsets
from ksql_engine.state.store import MemoryState
from ksql_engine.types import Row

_LOG = logging.getLogger(__name__)
_L = TypeVar("_L", bound=Live)


class PushQuery(Live):
    """A query for one client; its items are (key, value) pairs, the value None for a deleted row."""

    def __init__(
        self,
        engine: Engine,
        plan: QueryPlan,
        from_latest: tuple[str, ...],
        *,
        scalable: bool = False,
        until_end: bool = False,
        strict: bool = False,
    ) -> None:
        """Prepare; with `until_end` it ends with the records that are there when it starts.

        With `strict` it ends with an error at a record that cannot be read. What is `scalable` passes over records of
        keyed sources whose key is null, as such queries of ksqlDB do.
        """
        prefix = "SCALABLE_PUSH_QUERY" if scalable else "transient"
        super().__init__(f"{prefix}_{'_'.join(plan.sources)}_{uuid.uuid4().int % 10**19}", plan.limit)
        self.plan = plan
        self._engine = engine
        self._from_latest = from_latest
        self._until_end, self._strict = until_end, strict
        self._needs_key = scalable and all(step.source.schema.key for step in sources_of(plan.step))

    def _read(self) -> None:
        engine, plan = self._engine, self.plan
        topics = sorted({step.source.topic for step in sources_of(plan.step)})
        feed = engine.broker.feed(f"{engine.settings.group_id('')}{self.query_id}", topics)
        try:
            pipeline = Pipeline(plan, engine.formats, MemoryState(), Outputs(self._emit, _ignore, self._rejected))
            self._begin(feed, self._from_latest)
            ends = feed.ends() if self._until_end else None
            while not self._finished() and not _at_end(feed, ends) and self._sources_exist():
                for message in feed.batch(POLL_SECONDS, 0.0):
                    if message.key is not None or not self._needs_key:
                        pipeline.process(message)
                    if self._finished():
                        return
        finally:
            feed.close()

    def _sources_exist(self) -> bool:
        """Tell whether nothing of what is read was dropped."""
        return all(name in self._engine.metastore.sources for name in self.plan.sources)

    def _emit(self, key: Row, value: Row | None, _time: int) -> None:
        if not self._finished() and (value is not None or self.plan.kind == TABLE):
            self._put((key, value))

    def _rejected(self, message: Message, source: str, error: Exception) -> None:
        if self._strict and isinstance(error, DeserializationError):
            raise unreadable(message, error) from error
        _LOG.info("%s: skipped a record of %s (%s): %s", self.query_id, message.topic, source, error)


def _ignore(_message: str, _error: Exception) -> None:
    """A client sees null where an expression has no value."""


def _at_end(feed: InputFeed, ends: Offsets | None) -> bool:
    """Tell whether a feed has read up to `ends`; never without them."""
    return ends is not None and all(feed.positions.get(place, 0) >= end for place, end in ends.items())


def _is_scalable(query: Query, properties: Mapping[str, str]) -> bool:
    """Tell whether ksqlDB would serve a push query from the latest records of one that runs, and name it so."""
    plain = not (query.joins or query.group_by or query.partition_by or query.window)
    return plain and flag(properties, "ksql.query.push.v2.enabled", False)


class PushQueries:
    """What is open for clients, by id."""

    def __init__(self, engine: Engine) -> None:
        """Start none."""
        self._engine = engine
        self._open: dict[str, Live] = {}
        self._lock = threading.Lock()

    def open(self, query: Query, properties: Mapping[str, str]) -> PushQuery:
        """Start a push query, or a pull query over a stream. Raises StatementError, or TooManyQueriesError."""
        engine = self._engine
        engine.check_ready()
        with engine.lock:
            functions = engine.functions.with_config(properties)
            plan = plan_query(query, engine.metastore, functions, None).plan
            topics = tuple(engine.metastore.source(name).topic for name in plan.sources)
        pull = query.emit is None
        reset = properties.get("auto.offset.reset", engine.settings.auto_offset_reset)
        latest = topics if reset == "latest" and not pull else ()
        scalable = bool(latest) and _is_scalable(query, properties)
        strict = stops_at_unreadable(properties)
        return self._started(PushQuery(engine, plan, latest, scalable=scalable, until_end=pull, strict=strict))

    def open_print(self, statement: PrintTopic, properties: Mapping[str, str]) -> TopicPrint:
        """Start PRINT. Raises StatementError when there is no such topic, or TooManyQueriesError."""
        return self._started(TopicPrint(self._engine, statement, properties))

    def _started(self, live: _L) -> _L:
        most = self._engine.settings.max_push_queries
        with self._lock:
            if len(self._open) >= most:
                raise TooManyQueriesError(
                    f"Maximum number of push queries exceeded: the server allows {most} at a time. "
                    f"Terminate one, or try again later."
                )
            self._open[live.query_id] = live
        live.start()
        return live

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def close(self, query_id: str) -> bool:
        """End one; tell whether there was one."""
        with self._lock:
            found = self._open.pop(query_id, None)
        if found is not None:
            found.close()
        return found is not None

    def close_all(self) -> None:
        """End all."""
        for query_id in list(self._open):
            self.close(query_id)
