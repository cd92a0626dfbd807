"""Topics of the broker: look at them, create them, delete them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ksql_engine.errors import StatementError
from ksql_engine.runtime.settings import EngineSettings

_TIMEOUT = 10.0


@dataclass(frozen=True)
class TopicInfo:
    """A topic that exists."""

    name: str
    partitions: int
    replicas: int


class Topics:
    """The broker's topics. Methods raise KafkaException when the broker does not answer."""

    def __init__(self, settings: EngineSettings) -> None:
        """Connect when first used."""
        self._admin = AdminClient(
            {
                "bootstrap.servers": settings.bootstrap,
                "log_level": 2,
                "reconnect.backoff.max.ms": 1000,
                "topic.metadata.refresh.interval.ms": -1,
                **settings.kafka,
            }
        )

    def cluster_id(self, timeout: float) -> str:
        """Return the id of the Kafka cluster."""
        return str(self._admin.list_topics(timeout=timeout).cluster_id)

    def all(self) -> list[TopicInfo]:
        """Return all topics by name."""
        found = self._admin.list_topics(timeout=_TIMEOUT).topics.values()
        return sorted((_info(topic) for topic in found if topic.error is None), key=lambda info: info.name)

    def find(self, name: str) -> TopicInfo | None:
        """Return a topic, or None when it does not exist."""
        topic = self._admin.list_topics(topic=name, timeout=_TIMEOUT).topics.get(name)
        return _info(topic) if topic is not None and topic.error is None and topic.partitions else None

    def ensure(self, name: str, partitions: int, replicas: int, config: dict[str, str]) -> TopicInfo:
        """Create a topic unless it is there, and return it once the broker shows it.

        Raises StatementError when it exists with another number of partitions.
        """
        found = self.find(name)
        if found is None:
            self._create(name, partitions, replicas, config)
            found = self._wait_for(name)
        if found.partitions != partitions:
            raise StatementError(
                f"A Kafka topic with the name '{name}' already exists, with different partition/replica configuration "
                f"than required. KSQL expects {partitions} partitions (topic has {found.partitions})"
            )
        return found

    def _create(self, name: str, partitions: int, replicas: int, config: dict[str, str]) -> None:
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=config)
        try:
            self._admin.create_topics([topic], request_timeout=_TIMEOUT)[name].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise

    def _wait_for(self, name: str) -> TopicInfo:
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            found = self.find(name)
            if found is not None:
                return found
            time.sleep(0.02)
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"topic {name} did not appear"))

    def delete(self, name: str) -> None:
        """Delete a topic if it is there."""
        try:
            self._admin.delete_topics([name], request_timeout=_TIMEOUT)[name].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise

    def forget_group(self, group_id: str) -> None:
        """Delete the offsets of a consumer group if it has any."""
        try:
            self._admin.delete_consumer_groups([group_id], request_timeout=_TIMEOUT)[group_id].result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise


def _info(topic: object) -> TopicInfo:
    partitions = topic.partitions  # type: ignore[attr-defined]  # confluent-kafka has no stubs for metadata
    replicas = max((len(part.replicas) for part in partitions.values()), default=1)
    return TopicInfo(topic.topic, len(partitions), replicas)  # type: ignore[attr-defined]  # as above
