"""The producer for INSERT VALUES and /inserts-stream. It waits for the broker without holding up statements."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ksql_engine.errors import KsqlError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.broker import Broker, OutputSink


class Inserter:
    """Writes records that clients give. Safe for threads; after a failure there is a new producer."""

    def __init__(self, broker: Broker, stopped: Callable[[], bool]) -> None:
        """Connect when first used; `stopped` ends waiting."""
        self._broker, self._stopped = broker, stopped
        self._lock = threading.Lock()
        self._sink: OutputSink | None = None

    def write(self, messages: Sequence[Message]) -> None:
        """Write records and wait until the broker has them. Raises SinkFailedError; some may be there then."""
        with self._lock:
            if self._sink is None:
                self._sink = self._broker.sink(self._stopped)
            try:
                for message in messages:
                    self._sink.send(message)
                self._sink.flush()
            except KsqlError:
                self._drop()
                raise

    def close(self) -> None:
        """Give the producer up."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
