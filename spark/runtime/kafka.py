"""Kafka as Spark sees it: what a stream reads, where rows are sent, and how far the broker is ahead."""

from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession

from contracts.model import Topic
from contracts.settings import Settings
from spark.runtime.errors import DependencyDown

ANSWER_WITHIN_S = 5.0
MAX_RECORDS_PER_BATCH = 50_000
"""A batch comes into this process as Arrow, some 20 MB of it."""
_RENAMED = {"security.protocol": "kafka.security.protocol", "sasl.mechanisms": "kafka.sasl.mechanism"}


def spark_options(settings: Settings) -> dict[str, str]:
    """The client properties of the settings, as options of Spark's Kafka source and sink.

    librdkafka takes user and password apart; Java takes them as one line of JAAS.
    """
    known = dict(settings.kafka_client)
    user, password = known.pop("sasl.username", None), known.pop("sasl.password", None)
    authority = known.pop("ssl.ca.location", None)
    options = {_RENAMED.get(name, f"kafka.{name}"): value for name, value in known.items()}
    if user is not None:
        login = "scram.ScramLoginModule" if "SCRAM" in known.get("sasl.mechanisms", "") else "plain.PlainLoginModule"
        options["kafka.sasl.jaas.config"] = (
            f'org.apache.kafka.common.security.{login} required username="{user}" password="{password}";'
        )
    if authority:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": authority}
    return options


def read_stream(spark: SparkSession, settings: Settings, topics: tuple[Topic, ...]) -> DataFrame:
    """The records of `topics`, all of them from the beginning, as Kafka's columns.

    A record that the broker dropped before it was read is a loss, and stops the stream with an error.
    """
    reader = spark.readStream.format("kafka").options(**spark_options(settings))
    return (
        reader.option("subscribe", ",".join(topic.name for topic in topics))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", MAX_RECORDS_PER_BATCH)
        # A consumer that comes back to a partition first sits out its last, empty fetch: 500 ms unless told.
        .option("kafka.fetch.max.wait.ms", 20)
        .load()
    )


@dataclass(frozen=True)
class KafkaSink:
    """Sends rows with the columns key and value to a topic; returns when the broker has them all."""

    settings: Settings

    def send(self, topic: Topic, records: DataFrame) -> None:
        """Send `records` to `topic`, at least once; a null value is a tombstone."""
        writer = records.write.format("kafka").options(**spark_options(self.settings))
        writer = writer.option("topic", topic.name).option("kafka.acks", "all")
        writer.option("kafka.max.block.ms", 15_000).option("kafka.delivery.timeout.ms", 40_000).save()


class Broker:
    """What the broker says of itself and of the ends of its topics."""

    def __init__(self, settings: Settings, topics: tuple[Topic, ...]) -> None:
        quiet: dict[str, Any] = {"logger": _Silent(), "socket.timeout.ms": 5_000, "log_level": 0}
        self._admin = AdminClient({**settings.kafka_client, **quiet})
        self._consumer = Consumer(
            {**settings.kafka_client, **quiet, "group.id": "spark-lag", "enable.auto.commit": False}
        )
        self._topics = topics
        self._partitions: list[TopicPartition] = []

    def cluster_id(self) -> str:
        """The id of the cluster.

        Raises:
            DependencyDown: the broker does not answer, or does not have every topic yet.
        """
        try:
            metadata = self._admin.list_topics(timeout=ANSWER_WITHIN_S)
        except KafkaException as error:
            raise DependencyDown(f"Kafka does not answer: {error}") from error
        missing = [topic.name for topic in self._topics if topic.name not in metadata.topics]
        if missing:
            raise DependencyDown(f"topics are missing: {', '.join(missing)} (make topics)")
        self._partitions = [
            TopicPartition(topic.name, number)
            for topic in self._topics
            for number in metadata.topics[topic.name].partitions
        ]
        return str(metadata.cluster_id)

    def ends(self) -> dict[str, tuple[int, int]]:
        """First and next offset per "topic:partition".

        Raises:
            DependencyDown: the broker does not answer.
        """
        try:
            return {
                f"{each.topic}:{each.partition}": self._consumer.get_watermark_offsets(each, timeout=ANSWER_WITHIN_S)
                for each in self._partitions
            }
        except KafkaException as error:
            raise DependencyDown(f"Kafka does not answer: {error}") from error

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


class _Silent:
    """librdkafka logs every failed connection; the heartbeat says it once."""

    def log(self, *_: Any) -> None:
        """Say nothing."""
