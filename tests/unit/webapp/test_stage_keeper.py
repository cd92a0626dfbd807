"""Which profiles the stage keeper publishes, and when it is done with a batch."""

import json
import threading
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from contracts.heartbeat import read_heartbeat
from contracts.marketing import CUSTOMER_CONSOLIDATED, CUSTOMER_PROFILE
from webapp.commands.errors import PublishError
from webapp.commands.events import Event
from webapp.commands.publisher import EventPublisher
from webapp.errors import PositionLost
from webapp.kafka_reader import Cluster, KafkaReader, Record
from webapp.pulse import Pulse
from webapp.stage_keeper.decide import coming_profile, decide, newest_rows
from webapp.stage_keeper.run import StageKeeper

TOPIC = CUSTOMER_CONSOLIDATED.name
PLACE = (TOPIC, 0)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "customer_id": "a",
        "email": "a@example.com",
        "first_name": "Ada",
        "last_name": None,
        "created_at_ms": 1_000,
        "lifecycle_stage": "prospect",
        "is_active": False,
        "order_count": 0,
        "lifetime_value_cents": 0,
        "delivered": 0,
        "failed": 0,
        "last_event_id": "event-9",
        "last_event_at_ms": 9_000,
        **changed,
    }


def record(value: dict[str, Any] | None, offset: int = 0, key: str = "a") -> Record:
    data = None if value is None else json.dumps(value).encode()
    return Record(TOPIC, 0, offset, 0, key.encode(), data)


def test_an_unchanged_stage_publishes_nothing() -> None:
    assert coming_profile("a", row()) is None
    customer = row(order_count=1, lifetime_value_cents=500, lifecycle_stage="customer", is_active=True)
    assert coming_profile("a", customer) is None


def test_the_first_order_makes_a_customer_and_activates() -> None:
    event = coming_profile("a", row(order_count=1, lifetime_value_cents=500))
    assert event is not None
    assert (event.topic, event.key) == (CUSTOMER_PROFILE, "a")
    assert event.value == {
        "event_id": "event-9",
        "occurred_at_ms": 9_000,
        "customer_id": "a",
        "email": "a@example.com",
        "first_name": "Ada",
        "last_name": None,
        "created_at_ms": 1_000,
        "lifecycle_stage": "customer",
        "is_active": True,
    }


@pytest.mark.parametrize(
    ("value", "delivered", "failed", "stage"),
    [
        (500_001, 7, 3, "evangelist"),
        (500_001, 6, 4, "high-value"),
        (500_000, 6, 4, "engaged"),
        (500_000, 5, 5, "customer"),
    ],
)
def test_every_stage_comes_from_the_rules(value: int, delivered: int, failed: int, stage: str) -> None:
    event = coming_profile("a", row(order_count=2, lifetime_value_cents=value, delivered=delivered, failed=failed))
    assert event is not None
    assert event.value is not None
    assert event.value["lifecycle_stage"] == stage


def test_it_settles_when_the_profile_comes_round() -> None:
    unsettled: set[str] = set()
    bought = row(order_count=1, lifetime_value_cents=500)
    (event,) = decide({"a": bought}, unsettled)
    assert unsettled == {"a"}
    assert event.value is not None
    came_round = {**bought, "lifecycle_stage": event.value["lifecycle_stage"], "is_active": event.value["is_active"]}
    assert decide({"a": came_round}, unsettled) == []
    assert unsettled == set()


def test_an_erased_customer_stays_erased() -> None:
    assert decide({"a": None}, set()) == []
    unsettled = {"a"}
    (event,) = decide({"a": None}, unsettled)  # the profile may have followed the erase
    assert (event.topic, event.key, event.value) == (CUSTOMER_PROFILE, "a", None)
    assert decide({"a": None}, unsettled) == []


def test_only_the_newest_row_of_a_batch_counts() -> None:
    rows, faults = newest_rows([record(row(order_count=1), 0), record(row(order_count=2), 1), record(None, 2, "b")])
    assert rows["a"] is not None
    assert rows["a"]["order_count"] == 2
    assert rows["b"] is None
    assert faults == []


def test_what_is_no_row_is_passed_over() -> None:
    broken = [
        Record(TOPIC, 0, 3, 0, b"a", b"{"),
        Record(TOPIC, 0, 4, 0, None, b"{}"),
        record(row(order_count=None), 5),
        record({"customer_id": "a"}, 6),
    ]
    rows, faults = newest_rows(broken)
    assert rows == {}
    assert [f"offset {number}" in str(fault) for number, fault in enumerate(faults, 3)] == [True] * 4


class Scene:
    """A stage keeper over fakes that stops after the last read."""

    def __init__(self, run_dir: Path) -> None:
        self.stop = threading.Event()
        self.run_dir = run_dir
        self.reader: Any = create_autospec(KafkaReader, instance=True, down_reason=None)
        self.reader.cluster.return_value = Cluster("c", {}, (PLACE,))
        self.reader.committed.return_value = {PLACE: 4}
        self.reader.lag.return_value = {}
        self.publisher: Any = create_autospec(EventPublisher, instance=True)

    def play(self, *reads: Any) -> None:
        left = list(reads)

        def read(_timeout_s: float) -> list[Record]:
            if not left:
                self.stop.set()
                return []
            step = left.pop(0)
            if isinstance(step, Exception):
                raise step
            return list(step)

        self.reader.read.side_effect = read
        StageKeeper(self.reader, self.publisher, Pulse(self.run_dir, "stage-keeper"), self.stop).run()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("webapp.stage_keeper.run.RETRY_S", 0.01)
    return Scene(tmp_path)


def test_it_commits_after_the_acknowledgement(scene: Scene) -> None:
    order: list[str] = []
    scene.publisher.publish.side_effect = lambda *_: order.append("published")
    scene.reader.commit.side_effect = lambda positions: order.append(f"committed {positions[PLACE]}")
    scene.play([record(row(order_count=1), 4)])
    assert order[:2] == ["published", "committed 5"]


def test_a_failed_publish_is_tried_again_before_the_commit(scene: Scene) -> None:
    outcomes: list[Any] = [PublishError("no broker"), PublishError("no answer", outcome_unknown=True), None]

    def publish(_event: Event, _timeout_s: float) -> None:
        scene.reader.commit.assert_not_called()
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome

    scene.publisher.publish.side_effect = publish
    scene.play([record(row(order_count=1), 4)])
    assert outcomes == []
    scene.reader.commit.assert_called_with({PLACE: 5})


def test_stopped_while_kafka_is_away_it_commits_nothing(scene: Scene) -> None:
    def publish(_event: Event, _timeout_s: float) -> None:
        scene.stop.set()
        raise PublishError("no broker")

    scene.publisher.publish.side_effect = publish
    scene.play([record(row(order_count=1), 4)])
    scene.reader.commit.assert_not_called()
    beat = read_heartbeat(scene.run_dir, "stage-keeper")
    assert beat is not None
    assert beat.state == "waiting"


def test_a_topic_made_anew_is_read_from_its_beginning(scene: Scene) -> None:
    scene.play(PositionLost("out of range"), [record(row(), 0)])
    scene.reader.committed.assert_called_once_with((PLACE,))
    assert scene.reader.start.call_count == 2
    scene.reader.commit.assert_called_with({PLACE: 1})
