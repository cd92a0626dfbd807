"""Produced records with one question: have all been acknowledged?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from ksql_engine.errors import SinkFailedError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.clients import make_producer
from ksql_engine.runtime.partitioner import partition_of
from ksql_engine.runtime.settings import EngineSettings

_METADATA_SECONDS: Final = 10.0
_BY_KEY: Final = -1


class Sink:
    """An idempotent producer of one query. After a SinkFailedError it is of no more use: make a new one."""

    def __init__(self, settings: EngineSettings, stopped: Callable[[], bool]) -> None:
        """Connect when first used; `stopped` ends waiting."""
        self._failure: KafkaError | None = None
        self._stopped = stopped
        self._counts: dict[str, int] = {}
        self._producer = make_producer(settings, self._note)

    def _note(self, error: KafkaError | None, _record: object) -> None:
        if error is not None:
            self._failure = error

    def send(self, message: Message) -> None:
        """Queue a record; waits while the queue is full. Raises SinkFailedError."""
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    key=message.key,
                    value=message.value,
                    timestamp=message.timestamp,
                    headers=list(message.headers),
                    partition=self._partition(message),
                )
                return
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            except KafkaException as error:
                raise SinkFailedError(f"Cannot produce to {message.topic}: {error}") from error

    def _partition(self, message: Message) -> int:
        """Return a record's partition, or that the producer chooses it by the key. Raises KafkaException."""
        if message.routing is None:
            return _BY_KEY
        if message.topic not in self._counts:
            found = self._producer.list_topics(message.topic, timeout=_METADATA_SECONDS).topics[message.topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._counts[message.topic] = len(found.partitions)
        return partition_of(message.routing, self._counts[message.topic])

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
        """Give up what is not acknowledged after `seconds`."""
        deadline = time.monotonic() + seconds
        while self._producer.flush(0.1) > 0 and time.monotonic() < deadline:
            continue
        self._producer.purge()
        self._producer.flush(0.1)
