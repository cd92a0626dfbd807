"""How far each service is behind the ends of the topics it reads."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # OffsetSpec is missing in its list of exports
    AdminClient,
    OffsetSpec,
)

from contracts.heartbeat import read_heartbeat
from contracts.settings import Settings
from scripts.stack.services import Service

TIMEOUT_S = 5.0


def consumer_lags(settings: Settings, services: Iterable[Service]) -> dict[str, int]:
    """Records behind, by service, over all partitions it has committed; services without a group are not in it.

    Spark keeps its offsets in checkpoints and not in groups: its number, and that of others that say it themselves,
    comes from the heartbeat. An empty answer when the broker does not answer.
    """
    from_beats = {service.name: lag for service in services if (lag := _beat_lag(settings, service.name)) is not None}
    try:
        admin = AdminClient({**settings.kafka_client, "log_level": 0})
        names = [group.group_id for group in admin.list_consumer_groups(request_timeout=TIMEOUT_S).result().valid]
        from_groups = {
            service.name: lag
            for service in services
            if service.groups
            and (lag := _group_lag(admin, [n for n in names if n.startswith(service.groups)])) is not None
        }
    except KafkaException:
        return from_beats
    return {**from_groups, **from_beats}


def _group_lag(admin: AdminClient, groups: list[str]) -> int | None:
    """Records between what the groups committed and the ends; None when they committed nothing."""
    committed: list[TopicPartition] = []
    for group in groups:
        request = [ConsumerGroupTopicPartitions(group)]
        answer = admin.list_consumer_group_offsets(request, request_timeout=TIMEOUT_S)[group].result()
        committed += [each for each in answer.topic_partitions or () if each.offset >= 0]
    if not committed:
        return None
    newest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the package is typed in part
    wanted = {TopicPartition(each.topic, each.partition): newest for each in committed}
    ends: dict[tuple[str, int], int] = {
        (partition.topic, partition.partition): future.result().offset
        for partition, future in admin.list_offsets(wanted, request_timeout=TIMEOUT_S).items()
    }
    return sum(max(0, ends[each.topic, each.partition] - each.offset) for each in committed)


def _beat_lag(settings: Settings, service: str) -> int | None:
    """The lag that a heartbeat's detail says: a number, or numbers by topic."""
    beat = read_heartbeat(settings.run_dir, service)
    lag = beat.detail.get("lag") if beat else None
    if isinstance(lag, dict):
        lag = sum(value for value in lag.values() if isinstance(value, int))
    return lag if isinstance(lag, int) else None
