"""Replayed records that are in their topics and not in the lakehouse yet: a run was cut off, or Spark is behind."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import cast

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from contracts.faults import REPLAYED_FROM
from contracts.settings import Settings
from scripts.replay.errors import ReplayError

ANSWER_WITHIN_S = 15.0
BATCH = 5_000
Headers = list[tuple[str, bytes | None]]
WAIT_S = 0.05


def replayed_in_tail(settings: Settings, topics: list[str], firsts: Mapping[tuple[str, int], int]) -> dict[str, str]:
    """The places of quarantined records that a record from `firsts` on names as its source → that record's place.

    Raises:
        ReplayError: the broker does not answer.
    """
    consumer = Consumer(
        {
            **settings.kafka_client,
            "group.id": f"replay-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    try:
        found = {}
        for message in _tail(consumer, topics, firsts):
            source = dict(cast(Headers, message.headers() or [])).get(REPLAYED_FROM)
            if source:
                found[source.decode()] = f"{message.topic()}:{message.partition()}:{message.offset()}"
        return found
    except KafkaException as error:
        why = error.args[0].str()
        raise ReplayError(f"Kafka at {settings.bootstrap} does not answer ({why}). Remedy: make up") from error
    finally:
        consumer.close()


def _tail(consumer: Consumer, topics: list[str], firsts: Mapping[tuple[str, int], int]) -> Iterator[Message]:
    """Every record from `firsts` on, up to the ends of the partitions as they are met."""
    known = consumer.list_topics(timeout=ANSWER_WITHIN_S).topics
    todo = {}
    for name in topics:
        for number in known[name].partitions if name in known else ():
            low, high = consumer.get_watermark_offsets(TopicPartition(name, number), ANSWER_WITHIN_S)
            if (first := max(low, firsts.get((name, number), 0))) < high:
                todo[name, number] = TopicPartition(name, number, first)
    consumer.assign(list(todo.values()))
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while todo:
        for message in consumer.consume(BATCH, WAIT_S):
            deadline = time.monotonic() + ANSWER_WITHIN_S
            if message.error():
                todo.pop((message.topic() or "", message.partition() or 0), None)
            else:
                yield message
        if time.monotonic() > deadline:
            raise ReplayError(f"Kafka gave no record within {ANSWER_WITHIN_S:.0f} s. Remedy: make up")
