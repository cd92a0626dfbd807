"""Reads topics from stated positions. Who reads keeps the positions; a group's offsets only show the lag."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from contracts.model import Topic
from contracts.settings import Settings
from webapp.errors import KafkaUnavailable, PositionLost

LOG = logging.getLogger(__name__)
ASK_TIMEOUT_S = 2.0
PROBE_EVERY_S = 2.0
COMMIT_EVERY_S = 1.0
# librdkafka's own codes are spelled with an underscore
LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001 - see above
GONE = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - see above
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - see above
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)

Place = tuple[str, int]
Positions = dict[Place, int]


class Record(NamedTuple):
    """A Kafka record as it lies in its topic."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Cluster(NamedTuple):
    """What identifies the topics that are read: positions in others mean nothing here."""

    cluster_id: str
    topic_ids: dict[str, str]
    places: tuple[Place, ...]


class KafkaReader:
    """Reads `topics` for `group`, each partition from where it is told.

    A single event reaches the caller at once: the poll blocks until there is one, then takes what else is there.
    """

    def __init__(self, settings: Settings, group: str, topics: Iterable[Topic], batch_records: int = 500) -> None:
        self._bootstrap = settings.bootstrap
        self._topics = tuple(topic.name for topic in topics)
        self._topic_ids_read: dict[str, str] = {}
        self._batch_records = batch_records
        self._positions: Positions = {}
        self._committed: Positions = {}
        self._next_commit = self._next_probe = 0.0
        self._down: str | None = None
        self._admin = AdminClient({**settings.kafka_client, **_QUIET})
        self._config = {
            **settings.kafka_client,
            **_QUIET,
            **_CAREFUL,
            "group.id": group,
            "error_cb": self._on_error,
        }
        self._consumer = Consumer(self._config)

    @property
    def down_reason(self) -> str | None:
        """Why nothing can come from Kafka now, or None."""
        return self._down

    def cluster(self) -> Cluster:
        """Ask for the cluster's id, the topics' ids and their partitions.

        Raises:
            KafkaUnavailable: no answer, or a topic is not there (yet).
        """
        try:
            metadata = self._admin.list_topics(timeout=ASK_TIMEOUT_S)
        except KafkaException as error:
            raise KafkaUnavailable(f"Kafka at {self._bootstrap} does not answer: {error.args[0].str()}") from error
        missing = [name for name in self._topics if name not in metadata.topics or metadata.topics[name].error]
        if missing:
            raise KafkaUnavailable(f"waiting for the topics {', '.join(missing)} (make topics creates them)")
        self._down = None
        places = tuple((name, number) for name in self._topics for number in sorted(metadata.topics[name].partitions))
        before, self._topic_ids_read = self._topic_ids_read, self._topic_ids()
        if before and before != self._topic_ids_read:
            # A consumer that knows a topic by a later leader epoch takes news of the new one for old news.
            self._consumer.close()
            self._consumer = Consumer(self._config)
        return Cluster(str(metadata.cluster_id), self._topic_ids_read, places)

    def topics_are_the_same(self) -> bool:
        """Whether the topics are those that `cluster` told of. One made anew may go on silently at an old position.

        Without an answer nothing is known to have changed.
        """
        try:
            return self._topic_ids() == self._topic_ids_read
        except KafkaUnavailable:
            return True

    def _topic_ids(self) -> dict[str, str]:
        asked = self._admin.describe_topics(TopicCollection(list(self._topics)), request_timeout=ASK_TIMEOUT_S)
        try:
            return {name: str(future.result(ASK_TIMEOUT_S + 1).topic_id) for name, future in asked.items()}
        except (KafkaException, TimeoutError) as error:
            raise KafkaUnavailable(f"Kafka at {self._bootstrap} does not describe its topics: {error}") from error

    def committed(self, places: Iterable[Place]) -> Positions:
        """The group's committed positions; places without one are left out.

        Raises:
            KafkaUnavailable: no answer.
        """
        try:
            found = self._consumer.committed([TopicPartition(*place) for place in places], timeout=ASK_TIMEOUT_S * 2)
        except KafkaException as error:
            raise KafkaUnavailable(f"Kafka does not tell the committed positions: {error.args[0].str()}") from error
        return {(item.topic, item.partition): item.offset for item in found if item.offset >= 0}

    def start(self, places: Iterable[Place], positions: Mapping[Place, int]) -> None:
        """Read `places` from `positions`; a place without one from its beginning."""
        self._positions = dict(positions)
        self._committed = {}
        self._consumer.assign([TopicPartition(*place, positions.get(place, OFFSET_BEGINNING)) for place in places])

    def read(self, timeout_s: float) -> list[Record]:
        """The next records, at most a batch; empty when none came within `timeout_s`.

        Raises:
            PositionLost: a topic does not have the position any more.
            KafkaUnavailable: a topic is gone, perhaps only until the broker has started.
        """
        first = self._consumer.poll(timeout_s)
        if first is None:
            self._probe_when_down()
            return []
        messages = [first, *self._consumer.consume(self._batch_records - 1, timeout=0)]
        records = [record for message in messages if (record := self._record(message)) is not None]
        if records:
            self._down = None
        return records

    def _record(self, message: Message) -> Record | None:
        error = message.error()
        if error is None:
            return Record(
                str(message.topic()),
                int(message.partition() or 0),
                int(message.offset() or 0),
                message.timestamp()[1],
                message.key(),
                message.value(),
            )
        if error.code() in LOST:
            raise PositionLost(f"{message.topic()}:{message.partition()} at {message.offset()}: {error.str()}")
        if error.code() in GONE:
            raise KafkaUnavailable(f"topic {message.topic()} is gone: {error.str()}")
        LOG.warning("reading %s: %s", message.topic(), error.str())
        return None

    def commit(self, positions: Mapping[Place, int]) -> None:
        """Remember how far the caller got, and tell the group at most once a second. Never waits."""
        self._positions = dict(positions)
        now = time.monotonic()
        if now >= self._next_commit and self._positions != self._committed:
            self._next_commit = now + COMMIT_EVERY_S
            self._commit(wait=False)

    def lag(self) -> dict[str, int]:
        """Records per topic that lie ahead, as far as the last fetch told."""
        behind = dict.fromkeys(self._topics, 0)
        for (topic, partition), position in self._positions.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            behind[topic] += max(0, high - position)
        return behind

    def close(self) -> None:
        """Commit what is not yet committed and leave."""
        if self._positions != self._committed and self._down is None:
            self._commit(wait=True)
        self._consumer.close()

    def _commit(self, *, wait: bool) -> None:
        offsets = [TopicPartition(*place, position) for place, position in self._positions.items()]
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            LOG.info("positions not committed: %s", error.args[0].str())
            return
        self._committed = dict(self._positions)

    def _probe_when_down(self) -> None:
        """No error comes when the broker is back, so ask while it is down."""
        now = time.monotonic()
        if self._down is None or now < self._next_probe:
            return
        self._next_probe = now + PROBE_EVERY_S
        try:
            self._admin.list_topics(timeout=1.0)
        except KafkaException:
            return
        self._down = None
        LOG.info("Kafka is back")

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - librdkafka's own code is spelled like this
            LOG.debug("kafka: %s", error.str())
        elif self._down is None:
            self._down = f"Kafka at {self._bootstrap} is down"
            LOG.warning("%s: %s", self._down, error.str())


_CAREFUL = {
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": 2048,
    "fetch.max.bytes": 1_048_576,
    "max.partition.fetch.bytes": 524_288,
    "fetch.queue.backoff.ms": 10,
    "fetch.error.backoff.ms": 100,
}
_QUIET = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "log.connection.close": False,
    "log_level": 2,  # every failed connection of an outage would be a line; the outage itself is told above
    "socket.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": 60_000,
}
