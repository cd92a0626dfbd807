"""Reading topics with a plain consumer, from the start of the log to a noted end."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from scripts.audit.errors import BooksMoved, CannotAudit

TIMEOUT_S = 15.0
CONNECT_S = 6.0
BATCH = 5_000
WAIT_S = 0.05
REMEDY = "make up; make status shows what is down"


@dataclass(frozen=True)
class Span:
    """The offsets of a partition that count: from `start` (the start of the log) up to, without, `end`."""

    start: int
    end: int


Spans = Mapping[tuple[str, int], Span]


class Record(NamedTuple):
    """A record as the broker has it. `timestamp_ms` is the record's own time, ms since 1970 UTC."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Topics:
    """Reads the broker's topics. Never commits, never joins a group.

    `client` holds librdkafka's client properties, bootstrap.servers among them.
    """

    def __init__(self, client: Mapping[str, str]) -> None:
        self._client = dict(client)
        self._asker = self._consumer()

    def spans(self, names: list[str]) -> Spans:
        """Start and end of every partition of these topics, now.

        Raises:
            CannotAudit: the broker does not answer, or has no such topic.
        """
        try:
            known = self._asker.list_topics(timeout=CONNECT_S).topics
            missing = [name for name in names if name not in known]
            if missing:
                raise CannotAudit(f"the broker has no topic {', '.join(missing)}", "make topics ksql")
            return {
                (name, number): Span(*self._asker.get_watermark_offsets(TopicPartition(name, number), TIMEOUT_S))
                for name in names
                for number in known[name].partitions
            }
        except KafkaException as error:
            server = self._client["bootstrap.servers"]
            raise CannotAudit(f"Kafka at {server} does not answer ({error})", REMEDY) from error

    def _consumer(self) -> Consumer:
        return Consumer({**self._client, **_CONSUMER, "group.id": f"audit-{uuid.uuid4()}"})

    def close(self) -> None:
        """Let the broker go."""
        self._asker.close()

    def read(self, topic: str, spans: Spans) -> Iterator[Record]:
        """Every record of `topic` within `spans`, each partition in the order of its offsets.

        Control records of transactions and compacted offsets are not delivered: a partition is done at its noted end,
        or where the log itself ends.

        Raises:
            CannotAudit: the broker stops answering.
            BooksMoved: retention removed records while they were read.
        """
        todo = {number: span for (name, number), span in spans.items() if name == topic and span.start < span.end}
        if not todo:
            return
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(topic, number, span.start) for number, span in todo.items()])
            yield from self._drain(consumer, todo)
        finally:
            consumer.close()

    def _drain(self, consumer: Consumer, todo: dict[int, Span]) -> Iterator[Record]:
        heard_at = time.monotonic()
        while todo:
            # a batch is waited for until it is full: a short wait, or the end of each log would cost a long one
            batch = consumer.consume(BATCH, timeout=WAIT_S)
            now = time.monotonic()
            if batch:
                heard_at = now
            elif now - heard_at > TIMEOUT_S:
                raise CannotAudit(f"Kafka gave no record within {TIMEOUT_S:.0f} s", REMEDY)
            for message in batch:
                record = _record(message)
                span = todo.get(record.partition)
                if span is None:
                    continue
                error = message.error()
                if error is None:
                    if record.offset < span.end:
                        yield record
                    if record.offset >= span.end - 1:
                        del todo[record.partition]
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name for it
                    del todo[record.partition]
                else:
                    _raise(error)


def _record(message: Any) -> Record:
    return Record(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value())


def _raise(error: Any) -> None:
    if error.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):  # noqa: SLF001 - its own name
        raise BooksMoved(f"the start of the log moved: {error.str()}")
    if error.fatal() or not error.retriable():
        raise CannotAudit(f"Kafka: {error.str()}", REMEDY)


_CONSUMER: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "isolation.level": "read_uncommitted",
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": 16_384,
    "log_level": 0,
}
