"""The sink, against librdkafka's own mock broker: acknowledgements, back-pressure, and a broker that is away."""

import socket
import threading
from pathlib import Path

import pytest

from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.settings import Settings
from scripts.generate import run as run_module
from scripts.generate.errors import NotReady
from scripts.generate.ledger import Ledger, read_ledgers
from scripts.generate.population import Population
from scripts.generate.records import Record, record_of
from scripts.generate.run import Plan, run
from scripts.generate.sink import Sink
from webapp.commands.framing import AvroFramer

NOW_MS = 1_790_000_000_000
MOCK = {"test.mock.num.brokers": "1"}


@pytest.fixture
def away(tmp_path: Path) -> Settings:
    """Settings whose broker does not listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Settings(home=tmp_path, kafka_bootstrap=f"127.0.0.1:{probe.getsockname()[1]}")


def some_records(framer: AvroFramer, count: int) -> list[Record]:
    population = Population(1, "r")
    return [record_of(population.next_event(NOW_MS), framer) for _ in range(count)]


def test_every_acknowledgement_is_in_the_ledger(tmp_path: Path, framer: AvroFramer) -> None:
    records = some_records(framer, 300)
    with Ledger(tmp_path, "run") as ledger:
        sink = Sink(Settings(kafka_security=MOCK), ledger)
        for record in records:
            sink.send(record)
        while sink.waiting:
            sink.collect(1)
        entries = list(read_ledgers(tmp_path))
    assert {entry.event_id for entry in entries} == {record.event_id for record in records}
    assert sink.acknowledged.total() == len(entries) == 300
    assert not sink.failed
    assert ORDER_PLACED.name in sink.acknowledged


def test_a_full_queue_holds_the_sender_back_and_loses_nothing(tmp_path: Path, framer: AvroFramer) -> None:
    with Ledger(tmp_path, "run") as ledger:
        sink = Sink(Settings(kafka_security=MOCK), ledger, max_waiting_records=20)
        most = 0
        for record in some_records(framer, 400):
            sink.send(record)
            most = max(most, sink.waiting)
        while sink.waiting:
            sink.collect(1)
    assert most < 100  # 20 in the queue, the rest acknowledgements not yet taken
    assert sink.acknowledged.total() == 400


def test_records_that_are_not_acknowledged_are_counted_and_not_in_the_ledger(
    away: Settings, tmp_path: Path, framer: AvroFramer
) -> None:
    with Ledger(tmp_path, "run") as ledger:
        sink = Sink(away, ledger, delivery_timeout_s=0.5)
        for record in some_records(framer, 5):
            sink.send(record)
        while sink.waiting:
            sink.collect(1)
    assert sink.failed.total() == 5
    assert "refused" in sink.last_error or "down" in sink.last_error
    assert list(read_ledgers(tmp_path)) == []


def test_a_run_whose_broker_goes_away_says_what_was_not_acknowledged(
    away: Settings, framer: AvroFramer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WasThere(Sink):
        def require_topics(self, names: object, timeout_s: float = 0) -> None:
            """It was there when the run began."""

    monkeypatch.setattr(run_module, "AvroFramer", lambda *_: framer)
    monkeypatch.setattr(run_module, "Sink", lambda *args: WasThere(*args, delivery_timeout_s=0.5))
    said: list[str] = []
    assert not run(away, MARKETING, Plan(50, 0.2, 1, 0), stop=threading.Event(), say=said.append)
    assert any(line.startswith("NOT acknowledged: ") for line in said)


def test_a_run_does_not_begin_without_a_broker(away: Settings, tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger, pytest.raises(NotReady, match=rf"Kafka at {away.bootstrap} .*make up"):
        Sink(away, ledger).require_topics([ORDER_PLACED.name], timeout_s=0.5)


def test_a_run_does_not_begin_without_its_topics(tmp_path: Path) -> None:
    """The mock broker makes a topic when it is written to; before, there is none."""
    with (
        Ledger(tmp_path, "run") as ledger,
        pytest.raises(NotReady, match=rf"no topic {ORDER_PLACED.name}.*make topics"),
    ):
        Sink(Settings(kafka_security=MOCK), ledger).require_topics([ORDER_PLACED.name])
