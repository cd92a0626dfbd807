"""The projector's loop: what it does when a store behind it is away or not as it was."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from contracts.errors import ClusterMismatch
from contracts.heartbeat import read_heartbeat
from contracts.marketing import CUSTOMER_CONSOLIDATED
from webapp.errors import CacheMoved, KafkaUnavailable, PositionLost, RedisUnavailable, RegistryUnavailable
from webapp.kafka_reader import Cluster, KafkaReader, Record
from webapp.process import EXIT_FOREIGN_CLUSTER, run_service
from webapp.projector.decode import Decoder
from webapp.projector.run import Projector
from webapp.projector.store import CacheStore
from webapp.pulse import Pulse

TOPIC = CUSTOMER_CONSOLIDATED.name
CLUSTER = Cluster("c", {TOPIC: "t"}, ((TOPIC, 0),))
GOOD = b'{"customer_id": "a"}'


def record(offset: int, value: bytes | None = GOOD) -> Record:
    return Record(TOPIC, 0, offset, 0, b"a", value)


class Scene:
    """A projector over fakes that stops after the last step of `reads`."""

    def __init__(self, run_dir: Path) -> None:
        self.stop = threading.Event()
        self.run_dir = run_dir
        self.reader: Any = create_autospec(KafkaReader, instance=True, down_reason=None)
        self.reader.cluster.return_value = CLUSTER
        self.reader.lag.return_value = {TOPIC: 0}
        self.store: Any = create_autospec(CacheStore, instance=True)
        self.store.resume.return_value = {}
        self.store.apply.return_value = 1
        self.schema: Callable[[int], Any] = lambda _: {}

    def play(self, *reads: Any, wipe_first: bool = False) -> None:
        left = list(reads)

        def read(_timeout_s: float) -> list[Record]:
            step = left.pop(0) if left else []
            if not left:
                self.stop.set()
            if isinstance(step, Exception):
                raise step
            return list(step)

        self.reader.read.side_effect = read
        pulse = Pulse(self.run_dir, "projector")
        Projector(self.reader, self.store, Decoder(self.schema), pulse, self.stop).run(wipe_first=wipe_first)

    @property
    def detail(self) -> dict[str, Any]:
        beat = read_heartbeat(self.run_dir, "projector")
        assert beat is not None
        return {"state": beat.state, **beat.detail}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("webapp.projector.run.RETRY_S", 0.01)
    monkeypatch.setattr("webapp.pulse.EVERY_S", 0.0)
    return Scene(tmp_path)


def test_positions_move_with_the_rows(scene: Scene) -> None:
    scene.store.resume.return_value = {(TOPIC, 0): 5}
    scene.play([record(5), record(6)], [record(7)])
    scene.reader.start.assert_called_once_with(CLUSTER.places, {(TOPIC, 0): 5})
    (_, before, after, _), _ = scene.store.apply.call_args_list[0]
    assert (before, after) == ({(TOPIC, 0): 5}, {(TOPIC, 0): 7})
    assert scene.store.apply.call_args_list[1].args[1:3] == ({(TOPIC, 0): 7}, {(TOPIC, 0): 8})
    scene.reader.commit.assert_called_with({(TOPIC, 0): 8})


def test_what_cannot_be_decoded_is_passed_over_and_counted(scene: Scene) -> None:
    scene.play([record(0, b"{"), record(1)])
    rows, _, after, _ = scene.store.apply.call_args.args
    assert [row.record.offset for row in rows] == [1]
    assert after == {(TOPIC, 0): 2}
    assert scene.detail["undecodable"] == 1
    assert "offset 0" in scene.detail["last_undecodable"]


def test_a_quiet_time_looks_whether_redis_still_holds_everything(scene: Scene) -> None:
    scene.store.check.side_effect = [CacheMoved("emptied"), None]
    scene.play([], [record(0)])
    assert scene.store.resume.call_count == 2
    assert scene.store.apply.call_count == 1


def test_a_moved_cache_starts_over_from_what_it_holds(scene: Scene) -> None:
    scene.store.resume.side_effect = [{(TOPIC, 0): 9}, {(TOPIC, 0): 3}]
    scene.store.apply.side_effect = [CacheMoved("gone back"), 1]
    scene.play([record(9)], [record(3)])
    assert scene.reader.start.call_args_list[1].args == (CLUSTER.places, {(TOPIC, 0): 3})


def test_a_lost_position_rebuilds_everything(scene: Scene) -> None:
    scene.play(PositionLost("out of range"), [record(0)])
    scene.store.wipe.assert_called_once_with()
    assert scene.store.resume.call_count == 2


def test_a_topic_that_is_away_for_a_moment_costs_nothing(scene: Scene) -> None:
    scene.play(KafkaUnavailable("the broker is starting"), [record(0)])
    scene.store.wipe.assert_not_called()
    assert scene.store.apply.call_count == 1


def test_redis_down_is_waited_out(scene: Scene) -> None:
    scene.store.resume.side_effect = [RedisUnavailable("no redis"), {}]
    scene.play([record(0)])
    assert scene.store.apply.call_count == 1


def test_kafka_down_is_said(scene: Scene) -> None:
    scene.reader.down_reason = "Kafka is down"
    scene.play([])
    assert scene.detail["state"] == "waiting"
    assert scene.detail["reason"] == "Kafka is down"


def test_the_registry_down_is_waited_out(scene: Scene) -> None:
    asked: list[int] = []

    def schema(schema_id: int) -> Any:
        asked.append(schema_id)
        if len(asked) == 1:
            raise RegistryUnavailable("no registry")
        raise LookupError("unknown id")

    scene.schema = schema
    segments = Record("dom.segment.materialized.v1", 0, 0, 0, b"a", b"\0\0\0\0\x01x")
    scene.play([segments], [])
    assert asked == [1, 1]
    assert scene.detail["undecodable"] == 1


def test_reset_wipes_once(scene: Scene) -> None:
    scene.store.check.side_effect = CacheMoved("again")
    scene.play([], [], [], wipe_first=True)
    scene.store.wipe.assert_called_once_with()


def test_a_foreign_cluster_ends_the_process_with_the_remedy(tmp_path: Path) -> None:
    def work(_stop: threading.Event, _pulse: Pulse) -> None:
        raise ClusterMismatch("Redis holds another cluster's views. Remedy: make clear")

    assert run_service("projector", tmp_path, work) == EXIT_FOREIGN_CLUSTER == 78
    beat = read_heartbeat(tmp_path, "projector")
    assert beat is not None
    assert beat.state == "failed"
    assert "make clear" in beat.detail["reason"]
