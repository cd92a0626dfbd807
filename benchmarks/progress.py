"""Whether the SQL engine's queries have taken in all there is, as their consumer groups say."""

import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.settings import Settings

ASK_EVERY_S = 0.2
ANSWER_WITHIN_S = 10.0
Place = tuple[str, str, int]
"""Consumer group, topic, partition."""


class Progress:
    """The lag of the queries of one engine.

    Args:
        service: the engine's service id.
        query_prefix: only queries whose id starts so.
        inputs: the number of pairs of a query and a topic it reads.
    """

    def __init__(self, settings: Settings, inputs: int, query_prefix: str = "", service: str = "default_") -> None:
        client = {**settings.kafka_client, "log_level": 2}
        self._admin = AdminClient(client)
        self._consumer = Consumer({**client, "group.id": "ends", "enable.auto.commit": False})
        self._groups = f"_confluent-ksql-{service}query_{query_prefix}"
        self._inputs = inputs

    def wait(self, within_s: float) -> None:
        """Wait until every query has committed the end of every topic it reads, while nothing comes from outside.

        Raises:
            TimeoutError: that is not so after `within_s` seconds.
        """
        deadline = time.monotonic() + within_s
        while behind := self.behind():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not taken in within {within_s:g} s: {behind}")
            time.sleep(ASK_EVERY_S)

    def behind(self) -> str:
        """Who is behind, empty for nobody.

        The ends are asked for after the positions: whoever is at an end wrote all its rows before, so that no lag
        anywhere means that nothing is on its way.
        """
        places = self._committed()
        known = {(group, topic) for group, topic, _ in places}
        if len(known) != self._inputs:
            return f"{len(known)} of {self._inputs} inputs have a position"
        ends = self._ends({topic for _, topic in known})
        lags = {
            f"{group} {topic}:{partition}": end - max(start, places.get((group, topic, partition), 0))
            for group, topic in known
            for partition, (start, end) in ends[topic].items()
        }
        return ", ".join(f"{place} {lag:,}" for place, lag in sorted(lags.items()) if lag > 0)

    def _committed(self) -> dict[Place, int]:
        listed = self._admin.list_consumer_groups(request_timeout=ANSWER_WITHIN_S).result(ANSWER_WITHIN_S).valid or ()
        found: dict[Place, int] = {}
        for name in (group.group_id for group in listed if group.group_id.startswith(self._groups)):
            asked = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=ANSWER_WITHIN_S
            )
            for place in asked[name].result(ANSWER_WITHIN_S).topic_partitions or ():
                if place.offset >= 0:
                    found[name, place.topic, place.partition] = place.offset
        return found

    def _ends(self, topics: set[str]) -> dict[str, dict[int, tuple[int, int]]]:
        """First and next offset of each partition of some topics, now."""
        known = self._consumer.list_topics(timeout=ANSWER_WITHIN_S).topics
        return {
            topic: {
                number: self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ANSWER_WITHIN_S)
                for number in known[topic].partitions
            }
            for topic in topics
        }

    def close(self) -> None:
        """Let the broker go."""
        self._consumer.close()
