"""A running query: a thread that reads, computes, produces and commits (`commits`) until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from confluent_kafka import KafkaException

from ksql_engine.errors import (
    DeserializationError,
    FencedError,
    KsqlError,
    NotReadyError,
    QueryFailedError,
    RegistryUnavailableError,
    SerializationError,
    SinkFailedError,
)
from ksql_engine.formats.base import Formats
from ksql_engine.operators.endpoints import Encode, Message, encoder
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.config import flag
from ksql_engine.plan.model import QueryPlan, Source, sources_of
from ksql_engine.runtime.broker import Broker, InputFeed
from ksql_engine.runtime.commits import AtLeastOnce, Commits, ExactlyOnce
from ksql_engine.runtime.pace import Pace
from ksql_engine.runtime.processing_log import (
    INCLUDE_ROWS,
    deserialization_entry,
    processing_entry,
    serialization_entry,
    unreadable,
)
from ksql_engine.runtime.reprocess import NO_OUTPUTS, reprocess
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.state.rocks import Offsets, RocksState
from ksql_engine.types import Row

_LOG = logging.getLogger(__name__)
_SOON_SECONDS: Final = 0.005
_IDLE_SECONDS: Final = 0.5
_SHOW_OFFSETS_SECONDS: Final = 1.0
_MAX_BACKOFF: Final = 5.0


@dataclass(frozen=True)
class QueryParts:
    """What a query is built from, and how it runs; `strict`: a record that cannot be read stops it."""

    query_id: str
    plan: QueryPlan
    sink: Source
    statement: str
    from_latest: tuple[str, ...] = ()
    cached: bool = True
    exactly_once: bool = False
    strict: bool = False


class QueryTask:
    """One persistent query. Its public methods may be called from any thread."""

    def __init__(
        self,
        parts: QueryParts,
        settings: EngineSettings,
        broker: Broker,
        formats: Formats,
        open_state: Callable[[], RocksState],
    ) -> None:
        """Prepare the query; `start` runs it."""
        self.parts = parts
        self.error: str | None = None
        self.processed = 0
        self.late = 0
        self.cpu_s = 0.0
        self._include_rows = flag(settings.properties, INCLUDE_ROWS, False)
        self._settings, self._broker, self._formats = settings, broker, formats
        self.state = open_state()
        self._stop = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._thread = threading.Thread(target=self._run, name=parts.query_id, daemon=True)
        self._send: Callable[[Message], None] = _no_session
        self._send_log: Callable[[Message], None] = _no_session
        self._encode: Encode = _no_session
        self._pipeline: Pipeline | None = None
        self._shown_at = 0.0
        self._refused: Message | None = None

    @property
    def status(self) -> str:
        """RUNNING, PAUSED or ERROR (which is retried, unless another instance has taken over)."""
        if not self._running.is_set():
            return "PAUSED"
        return "ERROR" if self.error else "RUNNING"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def pause(self) -> None:
        """Stop reading after the batch in hand, keep the state."""
        self._running.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._running.set()

    def signal_stop(self) -> None:
        """Ask the thread to finish the batch in hand and end."""
        self._stop.set()
        self._running.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread's end and close the state."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        if not self._thread.is_alive():
            self.state.close()

    def _run(self) -> None:
        """Run sessions until stopped; after a failure, again from the committed state, with growing pauses."""
        backoff = 0.2
        while not self._stop.is_set():
            before = self.processed
            try:
                self._session()
            except FencedError as error:
                self.error = str(error)
                _LOG.error("%s: %s", self.parts.query_id, error)
                return
            except (KafkaException, SinkFailedError, RegistryUnavailableError, NotReadyError) as error:
                self._failed(error, expected=True)
            except Exception as error:
                self._failed(error, expected=isinstance(error, KsqlError))
            backoff = 0.2 if self.processed > before else min(backoff * 2, _MAX_BACKOFF)
            self._stop.wait(backoff)

    def _failed(self, error: Exception, expected: bool) -> None:
        self.error = str(error)
        if not self._stop.is_set():
            _LOG.warning("%s: %s; trying again", self.parts.query_id, error, exc_info=not expected)

    def _session(self) -> None:
        """Read and commit until stopped or paused; ends with an exception when something outside fails."""
        self.state.roll_back()
        feed = self._broker.feed(self._settings.group_id(self.parts.query_id), self.topics)
        commits = self._commits(feed)
        self._send, self._send_log = commits.send, commits.log
        try:
            commits.recover()
            writes = self.parts.plan.writes
            self._encode = encoder(self.parts.sink, self._formats) if writes else _no_session
            outputs = Outputs(self._emit if writes else _kept, self._report, self._rejected)
            self._pipeline = pipeline = Pipeline(
                self.parts.plan, self._formats, self.state, outputs, cached=self.parts.cached
            )
            self._begin(feed, commits)
            self.error = None
            self._loop(feed, pipeline, commits)
            commits.show()
        finally:
            commits.close()
            feed.close()

    def _commits(self, feed: InputFeed) -> Commits:
        if not (self.parts.exactly_once and self.parts.plan.writes):
            return AtLeastOnce(self._broker.sink(self._stop.is_set), feed, self.state)
        group_id = self._settings.group_id(self.parts.query_id)
        transactions = self._broker.transactions(group_id, feed.membership(), self._stop.is_set)
        return ExactlyOnce(transactions, feed, self.state, self._reprocess)

    def _reprocess(self, targets: Offsets) -> None:
        """Bring the state up to `targets` without writing. Raises QueryFailedError when that cannot be done."""
        parts, state = self.parts, self.state
        pipeline = Pipeline(parts.plan, self._formats, state, NO_OUTPUTS, cached=parts.cached)
        if not state.keeps_stores:
            state.commit({**state.offsets(), **targets})
            return
        if parts.from_latest and not state.offsets():
            raise QueryFailedError(
                "The state of this query is lost. It cannot be computed again, as the query began at the end of its "
                "topics: terminate it and create it again"
            )
        feed = self._broker.feed(self._settings.group_id(parts.query_id), self.topics)
        try:
            reprocess(pipeline, feed, state, targets, self._stop.is_set)
        finally:
            feed.close()

    @property
    def topics(self) -> list[str]:
        """The topics this query reads."""
        return sorted({step.source.topic for step in sources_of(self.parts.plan.step)})

    def _begin(self, feed: InputFeed, commits: Commits) -> None:
        """Start reading; where a query begins at the end of a topic, that place is fixed before anything is read."""
        offsets = self.state.offsets()
        feed.start(offsets, self.parts.from_latest)
        if feed.positions != offsets:
            commits.commit()

    def _loop(self, feed: InputFeed, pipeline: Pipeline, commits: Commits) -> None:
        pace = Pace(self._settings.commit_interval_ms / 1000)
        in_hand: list[int] = []
        while in_hand or not self._stop.is_set():
            if not in_hand and not self._running.is_set():
                commits.show()
                self._running.wait()
            messages = feed.batch(_SOON_SECONDS if in_hand else _IDLE_SECONDS, pace.next_commit)
            for message in messages:
                pipeline.process(message)
            if messages:
                in_hand.append(len(messages))
            more = feed.behind and self._running.is_set() and not self._stop.is_set()
            if in_hand and not (more and pace.can_wait(len(in_hand), self.state.uncommitted)):
                self._commit(pipeline, commits, pace)
                self.processed += sum(in_hand)
                in_hand = []
            if not in_hand and time.monotonic() - self._shown_at >= _SHOW_OFFSETS_SECONDS:
                commits.show()
                self._shown_at = time.monotonic()

    def _commit(self, pipeline: Pipeline, commits: Commits, pace: Pace) -> None:
        pipeline.flush()
        pace.committing()
        commits.commit()
        self.late += pipeline.take_late()
        pace.committed()
        self.cpu_s = time.thread_time()

    def _emit(self, key: Row, value: Row | None, time_ms: int) -> None:
        try:
            self._send(self._encode(key, value, time_ms, self._pipeline.headers if self._pipeline else ()))
        except SerializationError as error:
            topic = self.parts.sink.topic
            _LOG.warning("%s: a row cannot be written to %s: %s", self.parts.query_id, topic, error)
            self._log(serialization_entry(self.parts.query_id, topic, error))

    def _report(self, text: str, error: Exception) -> None:
        self._log(processing_entry(self.parts.query_id, text, error))

    def _rejected(self, message: Message, source: str, error: Exception) -> None:
        if message != self._refused:
            self._log(deserialization_entry(self.parts.query_id, source, message, error, self._include_rows))
        if self.parts.strict and isinstance(error, DeserializationError):
            self._refused = message  # it comes again, and is logged once
            raise unreadable(message, error) from error

    def _log(self, entry: bytes) -> None:
        now = time.time_ns() // 1_000_000
        self._send_log(Message(self._settings.processing_log_topic, None, entry, now))


def _kept(_key: Row, _value: Row | None, _time_ms: int) -> None:
    """Pass nothing on: the result is in the state."""


def _no_session(*_args: object) -> NoReturn:
    raise NotReadyError("no session is open")
