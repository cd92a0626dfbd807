"""Produced records with one question: have all been acknowledged?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException

from ksql_engine.errors import SinkFailedError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.clients import make_producer
from ksql_engine.runtime.partitioner import partition_of
from ksql_engine.runtime.settings import EngineSettings

_METADATA_SECONDS: Final = 10.0


class Sink:
    """An idempotent producer of one query. After a SinkFailedError it is of no more use: make a new one."""

    def __init__(
        self, settings: EngineSettings, stopped: Callable[[], bool], transactional_id: str | None = None
    ) -> None:
        """Connect when first used; `stopped` ends waiting."""
        self._failure: KafkaError | None = None
        self._stopped = stopped
        self._counts: dict[str, int] = {}
        self._producer = make_producer(settings, self._note, transactional_id)

    def _note(self, error: KafkaError | None, _record: object) -> None:
        if error is not None:
            self._failure = error

    def send(self, message: Message) -> None:
        """Queue a record; waits while the queue is full. Raises SinkFailedError."""
        topic, key, value, moment, _, _, headers, routing = message
        more: dict[str, Any] = {"headers": list(headers)} if headers else {}
        while True:
            try:
                if routing is not None:
                    more["partition"] = self._partition(topic, routing)
                self._producer.produce(topic, value, key, timestamp=moment, **more)
                return
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            except KafkaException as error:
                raise SinkFailedError(f"Cannot produce to {topic}: {error}") from error

    def log(self, message: Message) -> None:
        """Queue a record of the processing log, like any other."""
        self.send(message)

    def _partition(self, topic: str, routing: bytes) -> int:
        """Return the partition of what a record is routed by. Raises KafkaException."""
        if topic not in self._counts:
            found = self._producer.list_topics(topic, timeout=_METADATA_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._counts[topic] = len(found.partitions)
        return partition_of(routing, self._counts[topic])

    def flush(self) -> None:
        """Wait until every record is acknowledged, however long the broker is away.

        Raises SinkFailedError when one was refused, or when the engine stops meanwhile.
        """
        while self._producer.flush(0.5) > 0:
            self._check()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise SinkFailedError(f"A record was not acknowledged: {self._failure}")
        if self._stopped():
            raise SinkFailedError("stopped while waiting for the broker")

    def close(self, seconds: float = 0.0) -> None:
        """Give up what is not acknowledged after `seconds`; what was wrong before is not raised once more."""
        deadline = time.monotonic() + seconds
        with suppress(KafkaException):
            while self._producer.flush(0.1) > 0 and time.monotonic() < deadline:
                continue
            self._producer.purge()
            self._producer.flush(0.1)
