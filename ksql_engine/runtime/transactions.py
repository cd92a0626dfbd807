"""Produced records and the offsets they come from, in Kafka transactions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ksql_engine.errors import FencedError, SinkFailedError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.clients import TRANSACTION_SECONDS
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.sink import Sink
from ksql_engine.state.rocks import Offsets

_LOG = logging.getLogger(__name__)
_CALL_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 10.0


class TransactionalSink(Sink):
    """A transactional producer of one query. After an error it is of no more use: make a new one."""

    def __init__(
        self, settings: EngineSettings, transactional_id: str, membership: Any, stopped: Callable[[], bool]
    ) -> None:
        """Connect when first used; `stopped` ends waiting. `membership` is the consumer group's metadata."""
        super().__init__(settings, stopped, transactional_id)
        self._id, self._membership = transactional_id, membership
        self._began: float | None = None
        self._settings = settings
        self._log: Sink | None = None
        self._is_stuck = False

    def open(self) -> None:
        """Abort or finish what earlier owners of the id left, and fence them. Raises SinkFailedError."""
        self._call(self._producer.init_transactions)

    def send(self, message: Message) -> None:
        """Queue a record of the transaction, begun with its first. Raises SinkFailedError or FencedError."""
        if self._began is None:
            self._begin()
        try:
            super().send(message)
        except (SinkFailedError, KafkaException) as error:
            self._fail(error)

    def log(self, message: Message) -> None:
        """Queue a record of the processing log with a producer of its own: what becomes of it changes nothing."""
        if self._log is None:
            self._log = Sink(self._settings, self._stopped)
        try:
            self._log.send(message)
        except (SinkFailedError, KafkaException) as error:
            _LOG.warning("%s: a record of the processing log is lost: %s", self._id, error)
            self._log.close()
            self._log = None

    def commit(self, offsets: Offsets) -> None:
        """Commit what was sent, with the group's offsets.

        Raises SinkFailedError when it was refused, the broker does not answer for some seconds or the engine stops:
        whether it was committed is then not known before the next `open`. Raises FencedError when there is a newer
        owner of the id.
        """
        if self._began is None:
            self._begin()
        places = [TopicPartition(topic, part, offset) for (topic, part), offset in offsets.items()]
        self._send_offsets(places)
        self._call(self._producer.commit_transaction)
        self._began = None

    def close(self, seconds: float = 0.0) -> None:
        """Abort what is not committed, and give up the connection.

        A producer that is stuck in a call is left to itself: the next owner of the id aborts its transaction.
        """
        if self._log is not None:
            self._log.close()
        if self._is_stuck:
            return
        if self._began is not None:
            self._began = None
            with suppress(KafkaException):
                self._producer.abort_transaction(_CALL_SECONDS)
        super().close(seconds)

    def _begin(self) -> None:
        self._began = time.monotonic()
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._fail(error)

    def _send_offsets(self, places: list[TopicPartition]) -> None:
        """Send the group's offsets; after a restart of the broker librdkafka may never return from it (its issue 5456).

        So it is called in a thread of its own, which is given up after a while together with the producer.
        """
        done: Future[None] = Future()

        def send() -> None:
            try:
                self._call(self._producer.send_offsets_to_transaction, places, self._membership)
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        threading.Thread(target=send, name=f"offsets-{self._id}", daemon=True).start()
        deadline = time.monotonic() + _PATIENCE_SECONDS + 2 * _CALL_SECONDS
        while not wait([done], _CALL_SECONDS).done:
            if self._stopped() or time.monotonic() > deadline:
                self._is_stuck = True
                raise SinkFailedError("The broker does not answer: offsets of a transaction are on their way")
        done.result()

    def _call(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call again while there is no answer: an unanswered call goes on where it was.

        After a restart of the broker it may wait in vain, so it is given up in the end: a new producer finds its way.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                call(*arguments, _CALL_SECONDS)
                return
            except KafkaException as error:
                if not error.args[0].retriable():
                    self._fail(error)
                if self._stopped():
                    raise SinkFailedError("stopped while waiting for the broker") from error
                if time.monotonic() > deadline:
                    raise SinkFailedError(f"The broker does not answer: {error}") from error

    def _fail(self, error: Exception) -> NoReturn:
        """Raise what became of the transaction. Only the abort tells for sure whether the producer was fenced.

        A transaction that Kafka aborted for its age looks the same; that one may begin again.
        """
        young = self._began is not None and time.monotonic() - self._began < TRANSACTION_SECONDS
        if young and self._is_fenced():
            raise FencedError(
                f"Another instance has taken over the transactions of {self._id}; this one writes no more. End the "
                f"other one, then start this engine again."
            ) from error
        raise SinkFailedError(f"A transaction failed: {error}") from error

    def _is_fenced(self) -> bool:
        try:
            self._producer.abort_transaction(_CALL_SECONDS)
        except KafkaException as error:
            return bool(error.args[0].code() == KafkaError._FENCED)  # noqa: SLF001 - librdkafka's own code
        return False
