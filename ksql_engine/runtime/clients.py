"""Kafka clients as the engine uses them: small buffers, no rebalancing, nothing produced twice."""

from __future__ import annotations

import logging
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.settings import EngineSettings

_LOG = logging.getLogger(__name__)
TRANSACTION_SECONDS: Final = 60
"""After this time Kafka aborts a transaction by itself."""


def _common(settings: EngineSettings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.bootstrap,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 60_000,
        "log_level": 2,
        "error_cb": _log_error,
        **settings.kafka,
    }


def _log_error(error: KafkaError) -> None:
    """Log a client's trouble; each failed attempt to connect, of which there are many, only for debugging."""
    common = error.code() in (KafkaError._TRANSPORT, KafkaError._RESOLVE)  # noqa: SLF001 - librdkafka's own codes
    _LOG.log(logging.DEBUG if common else logging.WARNING, "Kafka client: %s", error.str())


def make_consumer(settings: EngineSettings, group_id: str) -> Consumer:
    """Return a consumer that is assigned its partitions by hand; its group only makes its offsets visible."""
    return Consumer(
        {
            **_common(settings),
            "group.id": group_id,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 500,
            "fetch.error.backoff.ms": 100,
            "fetch.message.max.bytes": 512 * 1024,
            "queued.min.messages": 5000,
            "fetch.queue.backoff.ms": 10,
            "queued.max.messages.kbytes": 4096,
            "allow.auto.create.topics": False,
            # The end of a partition is told as an event: it may lie behind control records, which are not.
            "enable.partition.eof": True,
        }
    )


def make_producer(settings: EngineSettings, on_error: Any, transactional_id: str | None = None) -> Producer:
    """Return an idempotent producer; `on_error(error, message)` hears of each record that was not acknowledged.

    With a `transactional_id` it writes in transactions, and fences the one that had the id before it.
    """
    transactions = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_SECONDS * 1000,
        # The next transaction asks again until the markers of the last are written: a few ms, not the default 100.
        "retry.backoff.ms": 10,
    }
    return Producer(
        {
            **_common(settings),
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 100,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 50_000,
            "queue.buffering.max.kbytes": 16 * 1024,
            "delivery.report.only.error": True,
            "on_delivery": on_error,
            **(transactions if transactional_id is not None else {}),
        }
    )


def is_end(record: Any) -> bool:
    """Tell whether what was consumed says that a partition is read to its end, which is its offset."""
    error = record.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's own code


def to_message(record: Any) -> Message | None:
    """Return a consumed record as a message, or None for what is not a record: an end, or an error, which is logged."""
    error = record.error()
    if error is not None:
        if is_end(record):
            return None
        if error.fatal():
            raise KafkaException(error)
        _LOG.warning("reading %s: %s", record.topic(), error)
        return None
    time, headers = record.timestamp()[1], record.headers()
    fields = (
        record.topic(),
        record.key(),
        record.value(),
        time if time > 0 else 0,
        record.partition(),
        record.offset(),
        tuple(headers) if headers else (),
        None,
    )
    # A named tuple's own constructor takes twice as long.
    return tuple.__new__(Message, fields)
