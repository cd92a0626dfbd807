"""Creates the lab's topics as the contract declares them, and corrects the settings of those that exist."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its types forget to export them
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from contracts.model import Lab, Topic
from contracts.settings import Settings
from scripts.bootstrap.errors import BrokerRefused, TopicMismatch
from scripts.bootstrap.report import Report

TIMEOUT_S = 20.0
RETRY_S = 0.2
REPLICAS_OF_THE_BROKER = -1


def ensure_topics(settings: Settings, lab: Lab) -> Report:
    """Make every topic of `lab` exist with its partitions and settings. Twice changes nothing.

    Raises:
        BrokerRefused: the broker does not answer or refuses.
        TopicMismatch: a topic exists with another number of partitions; that cannot be changed without moving keys.
    """
    admin = AdminClient({**settings.kafka_client, "log_level": 2})
    existing = _partitions_of_topics(admin, settings.bootstrap)
    _check_partitions(lab.topics, existing)
    missing = [topic for topic in lab.topics if topic.name not in existing]
    _create(admin, missing)
    altered = _correct(admin, [topic for topic in lab.topics if topic.name in existing])
    words = {topic.name: "created" for topic in missing} | altered
    return Report([_line(topic, words.get(topic.name, "unchanged")) for topic in lab.topics], len(words))


def _line(topic: Topic, word: str) -> str:
    return f"{topic.name}: {word} ({topic.partitions} partitions, {topic.cleanup.value})"


def _partitions_of_topics(admin: AdminClient, bootstrap: str) -> dict[str, int]:
    try:
        listed = admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        raise BrokerRefused(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in listed.topics.items()}


def _check_partitions(topics: Iterable[Topic], existing: dict[str, int]) -> None:
    wrong = [
        f"{topic.name} has {existing[topic.name]} partitions, the contract says {topic.partitions}"
        for topic in topics
        if existing.get(topic.name, topic.partitions) != topic.partitions
    ]
    if wrong:
        raise TopicMismatch(
            f"{'; '.join(wrong)}. A key would change its partition and its order would be lost. "
            "Remedy: make clear (removes topics, tables and state together)"
        )


def _create(admin: AdminClient, topics: list[Topic]) -> None:
    """Create `topics`. One that is in the way, because it is still being deleted after a reset or someone else has
    just made it, is tried again until the deadline."""
    deadline = time.monotonic() + TIMEOUT_S
    while topics:
        wanted = [NewTopic(t.name, t.partitions, REPLICAS_OF_THE_BROKER, config=t.config) for t in topics]
        answers = admin.create_topics(wanted, request_timeout=TIMEOUT_S)
        in_the_way = [topic for topic in topics if not _was_created(topic, answers[topic.name], deadline)]
        if not in_the_way:
            return
        time.sleep(RETRY_S)
        listed = admin.list_topics(timeout=TIMEOUT_S).topics
        topics = [t for t in in_the_way if t.name not in listed or len(listed[t.name].partitions) != t.partitions]


def _was_created(topic: Topic, answer: "Future[None]", deadline: float) -> bool:
    try:
        answer.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS and time.monotonic() < deadline:
            return False
        raise BrokerRefused(f"topic {topic.name} was not created: {error.args[0].str()}") from error
    return True


def _correct(admin: AdminClient, topics: list[Topic]) -> dict[str, str]:
    """Set what differs from the contract; says per topic what was set."""
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    described = admin.describe_configs(resources, request_timeout=TIMEOUT_S)
    found = {resource.name: _result(answer, resource.name) for resource, answer in described.items()}
    altered: dict[str, str] = {}
    for topic in topics:
        wrong = {k: v for k, v in topic.config.items() if k not in found[topic.name] or found[topic.name][k].value != v}
        if wrong:
            _alter(admin, topic, wrong)
            altered[topic.name] = "altered " + ", ".join(
                f"{key} {found[topic.name][key].value if key in found[topic.name] else 'unset'} → {value}"
                for key, value in wrong.items()
            )
    return altered


def _alter(admin: AdminClient, topic: Topic, wanted: dict[str, str]) -> None:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in wanted.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
    for answer in admin.incremental_alter_configs([resource], request_timeout=TIMEOUT_S).values():
        _result(answer, topic.name)


def _result(answer: "Future[Any]", name: str) -> Any:
    try:
        return answer.result(TIMEOUT_S)
    except KafkaException as error:
        raise BrokerRefused(f"settings of topic {name}: {error.args[0].str()}") from error
