"""Processes of the web station over real services, each test with a Redis database and a home of its own."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from topic_reading import partitions_of

from contracts.heartbeat import read_heartbeat
from contracts.marketing import MARKETING, POSITIONS
from contracts.model import Topic
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from tests.waiting import eventually
from webapp.projector.decode import SHORT_NAMES
from webapp.redis_client import connect

DEADLINE_S = 30.0


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a process these settings."""
    given = {
        "LAB_HOME": str(settings.home),
        "LAB_KAFKA_BOOTSTRAP": settings.bootstrap,
        "LAB_SCHEMA_REGISTRY": settings.registry_url,
        "LAB_REDIS_SERVER": settings.redis_url,
        "LAB_PORT_OFFSET": "0",
        "LAB_PORT_WEB": str(settings.port("web")),
        "FLASK_SECRET_KEY": "for tests",
    }
    return {**os.environ, **given}


@dataclass
class Service:
    """A process of ours; it is ended with the test."""

    settings: Settings
    arguments: list[str]
    more: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Service":
        log = Path(self.settings.home) / f"{uuid.uuid4().hex}.log"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.arguments],
                cwd=PROJECT_DIR,
                env={**environment(self.settings), **self.more},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.log = log
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, deadline_s: float = 5.0) -> float:
        """SIGTERM; returns the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(deadline_s)
        return time.monotonic() - began

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(5)

    def is_running(self, service: str) -> bool:
        """Whether this very process says that it is running."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text("utf-8")[-2000:]
        beat = read_heartbeat(self.settings.run_dir, service)
        return beat is not None and beat.pid == self.process.pid and beat.state == "running"


def wait_until_projected(settings: Settings) -> None:
    """Wait until Redis is at the end of every topic that is shown, whatever earlier tests left there."""
    topics = [view.source for view in SHORT_NAMES if view.source]
    consumer = Consumer({**settings.kafka_client, "group.id": uuid.uuid4().hex})
    ends = {
        f"{place.topic}:{place.partition}": consumer.get_watermark_offsets(place, timeout=10)[1]
        for topic in topics
        for place in partitions_of(topic)
    }
    consumer.close()
    cache = connect(settings, 1)

    def reached() -> bool:
        held = cache.hgetall(POSITIONS.key)
        return all(int(held.get(place, 0)) >= end for place, end in ends.items())

    eventually(reached, what="projection of everything in the topics")
    cache.close()


def producer(settings: Settings) -> Producer:
    return Producer({**settings.kafka_client, "partitioner": "murmur2_random", "linger.ms": 1})


def put(sender: Producer, topic: Topic, key: str, value: dict[str, Any] | None) -> None:
    """Queue a JSON record, a tombstone for None."""
    sender.produce(topic.name, None if value is None else json.dumps(value), key)


def live_row(customer_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "email": f"{customer_id[:8]}@example.com",
        "first_name": "Ada",
        "last_name": "Meyer",
        "created_at_ms": 1_000,
        "lifecycle_stage": "prospect",
        "is_active": False,
        "order_count": 0,
        "lifetime_value_cents": 0,
        "delivered": 0,
        "failed": 0,
        "last_event_id": str(uuid.uuid4()),
        "last_event_at_ms": 2_000,
        **changed,
    }


def new_ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def follow(settings: Settings, topic: Topic) -> Iterator[tuple[str, bytes | None] | None]:
    """Records (key, value) of `topic` from now on; None where none came for a moment."""
    consumer = Consumer({**settings.kafka_client, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    numbers = consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions
    places = [TopicPartition(topic.name, number) for number in numbers]
    ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
    consumer.assign([TopicPartition(topic.name, p.partition, end) for p, end in zip(places, ends, strict=True)])
    try:
        yield None
        while True:
            message = consumer.poll(0.1)
            if message is None or message.error():
                yield None
            else:
                yield (message.key() or b"").decode(), message.value()
    finally:
        consumer.close()


def station_settings(lab_services: Any, home: Path, database: int, **more: Any) -> Settings:
    """The shared services, with a home and a Redis database of their own."""
    shared: Settings = getattr(lab_services, "settings", lab_services)
    ensure_topics(shared, MARKETING)
    ensure_schemas(shared, MARKETING)
    return Settings(
        _env_file=None,
        home=home,
        kafka_bootstrap=shared.bootstrap,
        schema_registry=shared.registry_url,
        redis_server=shared.redis_url.rpartition("/")[0] + f"/{database}",
        **more,
    )
