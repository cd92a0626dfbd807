"""Every record a topic holds at this moment, from its first to its last, whatever was deleted before or in between."""

import time
import uuid
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, Message, TopicPartition

from contracts.model import Topic
from contracts.settings import Settings

READ_WITHIN_S = 60.0


def partitions_of(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


def records_of(settings: Settings, *topics: Topic) -> Iterator[Message]:
    """The records of `topics`, each partition in its order."""
    consumer = Consumer({**settings.kafka_client, "group.id": "beginnings"})
    places = [place for topic in topics for place in partitions_of(topic)]
    firsts = {(p.topic, p.partition): consumer.get_watermark_offsets(p, timeout=10)[0] for p in places}
    consumer.close()
    yield from records_from(settings, firsts)


def records_from(settings: Settings, firsts: Mapping[tuple[str, int], int]) -> Iterator[Message]:
    """The records from a position of each (topic, partition) on, each partition in its order."""
    consumer = Consumer(
        {
            **settings.kafka_client,
            "group.id": f"reading-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, first) for (topic, partition), first in firsts.items()])
    at_end: set[tuple[str | None, int | None]] = set()
    deadline = time.monotonic() + READ_WITHIN_S
    try:
        while len(at_end) < len(firsts):
            assert time.monotonic() < deadline, f"not read within {READ_WITHIN_S:g} s: {sorted(firsts)}"
            for message in consumer.consume(5_000, 0.05):
                if message.error():
                    at_end.add((message.topic(), message.partition()))
                else:
                    yield message
    finally:
        consumer.close()
