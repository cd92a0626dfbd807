"""Publishes one event and waits for the broker's acknowledgement."""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.model import Lab
from contracts.settings import Settings
from webapp.commands.errors import PublishError
from webapp.commands.events import Event
from webapp.commands.framing import AvroFramer

__all__ = ["Ack", "EventPublisher", "PublishError", "producer_config"]

DELIVERY_TIMEOUT_S = 5.0
POLL_S = 0.25
LOG = logging.getLogger(__name__)
_UNKNOWN = frozenset(
    {
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - librdkafka's own codes are spelled like this
        KafkaError._TIMED_OUT,  # noqa: SLF001 - as above
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001 - as above
    }
)


@dataclass(frozen=True)
class Ack:
    """The broker's word that a record is stored: its position, and the id of the event it carries."""

    topic: str
    partition: int
    offset: int
    event_id: str


def producer_config(settings: Settings, delivery_timeout_s: float) -> dict[str, Any]:
    """The properties every producer of ours has: all replicas acknowledge, retries neither double nor re-order.

    Keys are spread over partitions as Java clients do, so that all writers of a topic agree on a key's partition.
    """
    return {
        **settings.kafka_client,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "message.timeout.ms": int(delivery_timeout_s * 1000),
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,  # errors come to error_cb; the log would repeat each failed connection
    }


def _ack(message: Message, event: Event) -> Ack:
    return Ack(message.topic() or "", message.partition() or 0, message.offset() or 0, event.event_id)


class _Connection:
    """A producer, and the thread that fetches the broker's answers for it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.broken = threading.Event()
        self.last_error = ""
        self._producer = Producer({**config, "error_cb": self._on_error}, logger=LOG)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="publisher-poll", daemon=True)
        self._thread.start()

    def send(
        self, event: Event, value: bytes | None, done: "Future[Ack]", headers: Mapping[str, bytes] | None = None
    ) -> None:
        """Queue the record; `done` gets its acknowledgement or its error."""

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is None:
                done.set_result(_ack(message, event))
                return
            if error.fatal():
                self.broken.set()
            done.set_exception(KafkaException(error))

        self._producer.produce(
            event.topic.name, value, event.key.encode(), on_delivery=on_delivery, headers=dict(headers or {})
        )

    def close(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for what is queued, then give up on the rest and stop."""
        if self._producer.flush(timeout_s):
            self._producer.purge()
            self._producer.flush(POLL_S)
        self._stop.set()
        self._thread.join(POLL_S * 2)

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(POLL_S)

    def _on_error(self, error: KafkaError) -> None:
        self.last_error = error.str()
        if error.fatal():
            self.broken.set()


class EventPublisher:
    """Publishes events of `lab`, one at a time or from many threads at once.

    Connects at the first event. A broker that goes away and comes back needs nothing from the caller; a producer
    that failed for good is replaced at the next event.
    """

    def __init__(
        self,
        settings: Settings,
        lab: Lab,
        *,
        framer: AvroFramer | None = None,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    ) -> None:
        self._config = {**producer_config(settings, delivery_timeout_s), "linger.ms": 0}
        self._bootstrap = settings.bootstrap
        self._topics = tuple(lab.with_schema())
        self._framer = framer or AvroFramer(settings, lab)
        self._lock = threading.Lock()
        self._connection: _Connection | None = None

    def publish(
        self, event: Event, timeout_s: float = DELIVERY_TIMEOUT_S, headers: Mapping[str, bytes] | None = None
    ) -> Ack:
        """Publish `event`, with `headers`, and wait for its acknowledgement.

        Raises:
            PublishError: the event was not acknowledged within `timeout_s` seconds, or could not be sent;
                its `outcome_unknown` says whether the record may be in the topic all the same.
        """
        started = time.monotonic()
        value = self._framer.frame(event.topic, event.value)
        connection = self._connected()
        done: Future[Ack] = Future()
        try:
            connection.send(event, value, done, headers)
            return done.result(max(0.0, timeout_s - (time.monotonic() - started)))
        except BufferError as error:
            raise PublishError(f"{self._place(event)} was not sent: too many events wait for the broker") from error
        except FutureTimeout as error:
            raise self._unknown(event, f"no answer within {timeout_s:g} s", connection) from error
        except KafkaException as error:
            raise self._failed(event, error.args[0], connection) from error

    def warm_up(self) -> None:
        """Connect and ask for the schema ids now, so that the first event need not wait (a second or so).

        Call it in the process that publishes, after any fork. What is down is no error here: it is when publishing.
        """
        self._connected()
        with suppress(PublishError):
            for topic in self._topics:
                self._framer.schema_id(topic)

    def close(self, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Wait for what is on its way, then let go of the broker."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(timeout_s)

    def _connected(self) -> _Connection:
        """The connection, made at first use and again after a fatal error."""
        with self._lock:
            broken = self._connection if self._connection and self._connection.broken.is_set() else None
            if self._connection is None or broken:
                self._connection = _Connection(self._config)
            connection = self._connection
        if broken:
            broken.close(0)
        return connection

    def _place(self, event: Event) -> str:
        return f"event {event.event_id or 'erase'} of {event.key} for {event.topic.name} at {self._bootstrap}"

    def _unknown(self, event: Event, reason: str, connection: _Connection) -> PublishError:
        last = f"; last heard: {connection.last_error}" if connection.last_error else ""
        return PublishError(f"{self._place(event)}: outcome unknown, {reason}{last}", outcome_unknown=True)

    def _failed(self, event: Event, error: KafkaError, connection: _Connection) -> PublishError:
        if error.fatal():
            connection.broken.set()
        if error.code() in _UNKNOWN:
            return self._unknown(event, error.str(), connection)
        return PublishError(f"{self._place(event)} was refused: {error.str()}")
