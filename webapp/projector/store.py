"""Redis as the projector keeps it: rows, indexes and positions change together or not at all."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import RedisError, WatchError

from contracts.errors import ClusterMismatch
from contracts.marketing import CHANGES, CLUSTER, POSITIONS, RECENT_INDEX, SEARCH_INDEX, TOPIC_IDS
from contracts.settings import Settings
from webapp.errors import CacheMoved, RedisUnavailable
from webapp.kafka_reader import Cluster, Place, Positions
from webapp.projector.decode import SHORT_NAMES, Row
from webapp.projector.plan import Plan, keys_to_read, plan
from webapp.redis_client import Client, why

LOG = logging.getLogger(__name__)
SCAN_COUNT = 2000
OWN_KEYS = (POSITIONS.key, CLUSTER.key, TOPIC_IDS.key, RECENT_INDEX.key, SEARCH_INDEX.key)


class CacheStore:
    """The projector's side of Redis. Every method raises RedisUnavailable when Redis does not do its part."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._redis = client
        self._settings = settings

    def resume(self, cluster: Cluster) -> Positions:
        """Where to go on reading: the stored positions, or none after the views were emptied here.

        Views made from topics that have since been made anew, and what is left of views without positions, is wiped.

        Raises:
            ClusterMismatch: the views were made from another Kafka cluster.
        """
        with self._talk():
            known = self._redis.get(CLUSTER.key)
            positions = self._positions(self._redis)
            same_topics = self._redis.hgetall(TOPIC_IDS.key) == cluster.topic_ids
        if known is not None and known != cluster.cluster_id:
            raise ClusterMismatch(
                f"Redis holds views made from Kafka cluster {known}, but the running cluster is {cluster.cluster_id}. "
                "Remedy: make clear (removes topics, tables and views together), or RESET_CACHE_ON_START=1 once "
                "to rebuild the views alone"
            )
        if positions and same_topics:
            return positions
        if positions:
            LOG.warning("topics were made anew: the views are rebuilt from them")
        self.wipe()
        with self._talk(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(CLUSTER.key, cluster.cluster_id)
            pipe.hset(TOPIC_IDS.key, mapping=cluster.topic_ids)
            pipe.execute()
        return {}

    def wipe(self) -> None:
        """Remove all views. Positions go first: a wipe cut short is begun again at the next start."""
        with self._talk():
            self._redis.unlink(*OWN_KEYS)
            for view in SHORT_NAMES:
                for keys in _chunks(self._redis.scan_iter(view.key_for("*"), count=SCAN_COUNT)):
                    self._redis.unlink(*keys)

    def check(self, expected: Mapping[Place, int]) -> None:
        """Look whether Redis still holds what was written last.

        Raises:
            CacheMoved: it does not.
        """
        with self._talk():
            self._compare(self._redis, expected)

    def apply(self, rows: Sequence[Row], before: Mapping[Place, int], after: Mapping[Place, int], now_ms: int) -> int:
        """Write what `rows` change, and move the positions from `before` to `after`, in one transaction.

        Returns:
            the number of view rows changed.

        Raises:
            CacheMoved: Redis is not at `before`; nothing was written.
        """
        with self._talk(), self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(POSITIONS.key, CLUSTER.key)
            self._compare(pipe, before)
            changes = plan(rows, self._stored(pipe, keys_to_read(rows)), now_ms)
            pipe.multi()
            _queue(pipe, changes)
            pipe.hset(POSITIONS.key, mapping={f"{topic}:{part}": offset for (topic, part), offset in after.items()})
            try:
                pipe.execute()
            except WatchError as error:
                raise CacheMoved("Redis was changed by another while a batch was written") from error
        return len(changes.changes)

    def _compare(self, client: Any, expected: Mapping[Place, int]) -> None:
        found = self._positions(client)
        if found != expected or client.exists(CLUSTER.key) == 0:
            raise CacheMoved(f"Redis holds {sum(found.values())} records' worth, {sum(expected.values())} were written")

    @staticmethod
    def _positions(client: Any) -> Positions:
        found: Positions = {}
        for place, offset in client.hgetall(POSITIONS.key).items():
            topic, _, partition = place.rpartition(":")
            found[topic, int(partition)] = int(offset)
        return found

    @staticmethod
    def _stored(client: Any, keys: list[str]) -> dict[str, dict[str, Any]]:
        if not keys:
            return {}
        return {
            key: json.loads(text)["row"] for key, text in zip(keys, client.mget(keys), strict=True) if text is not None
        }

    @contextmanager
    def _talk(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise RedisUnavailable(why(error, self._settings)) from error


def _queue(pipe: Any, changes: Plan) -> None:
    """Queue the commands of `changes`; an empty one would be refused."""
    steps: tuple[tuple[Any, Callable[[], Any]], ...] = (
        (changes.rows, lambda: pipe.mset(changes.rows)),
        (changes.deleted, lambda: pipe.unlink(*changes.deleted)),
        (changes.recent, lambda: pipe.zadd(RECENT_INDEX.key, changes.recent)),
        (changes.not_recent, lambda: pipe.zrem(RECENT_INDEX.key, *changes.not_recent)),
        (changes.found_by, lambda: pipe.zadd(SEARCH_INDEX.key, dict.fromkeys(changes.found_by, 0))),
        (changes.not_found_by, lambda: pipe.zrem(SEARCH_INDEX.key, *changes.not_found_by)),
    )
    for wanted, command in steps:
        if wanted:
            command()
    for change in changes.changes:
        pipe.publish(CHANGES.key, change)


def _chunks(keys: Iterator[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) >= SCAN_COUNT:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
