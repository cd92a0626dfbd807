"""The input of a query: its topics from known offsets, in batches, oldest record first across partitions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from ksql_engine.errors import NotReadyError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.clients import is_end, make_consumer, to_message
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.state.rocks import Offsets

_MAX_BATCH = 5000
_MAX_BYTES = 4 * 1024 * 1024
_AT_ONCE = 1000
_METADATA_SECONDS = 10.0


class Feed:
    """A consumer with partitions assigned by hand. `positions` are the next offsets after the last batch.

    They reach the end of a partition even where that lies behind control records of transactions.
    `behind` tells whether the last batch was full.
    """

    def __init__(self, settings: EngineSettings, group_id: str, topics: Sequence[str]) -> None:
        """Prepare to read `topics`; `start` begins."""
        self.positions: Offsets = {}
        self.behind = False
        self._topics = topics
        self._consumer: Consumer = make_consumer(settings, group_id)

    def start(self, offsets: Offsets, from_latest: Sequence[str]) -> None:
        """Begin at `offsets`; partitions without one begin at the end for topics in `from_latest`, else at the start.

        Raises NotReadyError when a topic does not exist, KafkaException when the broker does not answer.
        """
        assigned: list[TopicPartition] = []
        for topic in self._topics:
            for partition in self._partitions(topic):
                offset = offsets.get((topic, partition))
                if offset is None and topic in from_latest:
                    place = TopicPartition(topic, partition)
                    offset = self._consumer.get_watermark_offsets(place, timeout=_METADATA_SECONDS)[1]
                if offset is not None:
                    self.positions[topic, partition] = offset
                assigned.append(TopicPartition(topic, partition, OFFSET_BEGINNING if offset is None else offset))
        self._consumer.assign(assigned)

    def _partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=_METADATA_SECONDS).topics.get(topic)
        if found is None or found.error is not None or not found.partitions:
            raise NotReadyError(f"topic {topic} is not there")
        return sorted(found.partitions)

    def ends(self) -> Offsets:
        """Return the offset after the last record of each partition, as of now. Raises KafkaException."""
        found: Offsets = {}
        for place in self._consumer.assignment():
            last = self._consumer.get_watermark_offsets(place, timeout=_METADATA_SECONDS)[1]
            found[place.topic, place.partition] = last
        return found

    def batch(self, wait: float, not_before: float) -> list[Message]:
        """Return what has arrived, waiting `wait` seconds for the first; gather until `not_before` (monotonic)."""
        self.behind = False
        first = self._consumer.poll(wait)
        if first is None:
            return []
        records, size = [first], 0
        while len(records) < _MAX_BATCH and size < _MAX_BYTES:
            more = self._consumer.consume(_AT_ONCE, timeout=0)
            if more:
                records += more
                size += sum(map(len, more))
                continue
            rest = not_before - time.monotonic()
            if rest <= 0:
                break
            one = self._consumer.poll(rest)
            if one is not None:
                records.append(one)
        else:
            self.behind = True
        messages = [message for message in map(to_message, records) if message is not None]
        # In a batch a partition's records are in their order: the last one's offset stays.
        self.positions.update({(message.topic, message.partition): message.offset + 1 for message in messages})
        if len(messages) < len(records):
            self._note_ends(records)
        return in_time_order(messages)

    def _note_ends(self, records: list[Any]) -> None:
        """Move to the ends that were reached, beyond control records and what was aborted."""
        for record in records:
            if is_end(record):
                place = (record.topic(), record.partition())
                self.positions[place] = max(self.positions.get(place, 0), record.offset())

    def committed(self) -> Offsets:
        """Return the group's offsets, where it has any, once no transaction can change them. Raises as `start`."""
        places = [TopicPartition(topic, part) for topic in self._topics for part in self._partitions(topic)]
        found = self._consumer.committed(places, timeout=_METADATA_SECONDS)
        for place in found:
            if place.error is not None:
                raise KafkaException(place.error)
        return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}

    def membership(self) -> Any:
        """Return what a transaction needs to commit offsets to the group."""
        return self._consumer.consumer_group_metadata()

    def show_offsets(self) -> None:
        """Commit the positions to the group, for tools that show lag."""
        places = [TopicPartition(topic, part, offset) for (topic, part), offset in self.positions.items()]
        if places:
            try:
                self._consumer.commit(offsets=places, asynchronous=True)
            except KafkaException:
                return

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def in_time_order(messages: list[Message]) -> list[Message]:
    """Return messages by time across partitions, never changing the order within a partition."""
    latest: dict[tuple[str, int], int] = {}
    ranks: list[int] = []
    for message in messages:
        where = (message.topic, message.partition)
        rank = latest[where] = max(latest.get(where, 0), message.timestamp)
        ranks.append(rank)
    if len(latest) < 2:
        return messages
    return [messages[place] for place in sorted(range(len(messages)), key=ranks.__getitem__)]
