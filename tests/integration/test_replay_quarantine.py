"""From quarantine through a person's hands back into silver and gold, each record once, and the books still balance."""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from confluent_kafka import Producer
from pipeline_process import PipelineProcess, lakehouse_of_its_own, rows, running
from position_audit import audit
from typer.testing import CliRunner, Result

from contracts.faults import REPLAYED_FROM
from contracts.marketing import (
    ACTIVATION_STATUS,
    BRONZE_ORDERS,
    GOLD_CUSTOMER_360,
    MARKETING,
    ORDER_PLACED,
    QUARANTINE,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.settings import Settings
from scripts.replay import cli
from webapp.commands.events import Event, activation_event, erase_event, order_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

Replay = Callable[..., Result]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineProcess]:
    with (
        lakehouse_of_its_own(tmp_path_factory.mktemp("replay")) as settings,
        running(PipelineProcess(settings)) as process,
    ):
        yield process


@pytest.fixture
def replay(pipeline: PipelineProcess, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """`lab replay-quarantine` with these options."""
    monkeypatch.setattr(cli, "load_settings", lambda: pipeline.settings)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    app.command()(cli.replay_quarantine)
    return lambda *options: CliRunner().invoke(app, [str(option) for option in options])


class Sent:
    """Sends events, whole or spoiled."""

    def __init__(self, settings: Settings) -> None:
        self._framer = AvroFramer(settings, MARKETING)
        self._producer = Producer(producer_config(settings, 30))

    def good(self, *events: Event) -> None:
        """Send the events as they are."""
        for event in events:
            self.raw(event, event.key.encode(), self._framer.frame(event.topic, event.value))

    def raw(self, event: Event, key: bytes | None, value: bytes | None) -> None:
        """Send these bytes to the event's topic."""
        self._producer.produce(event.topic.name, value, key)
        assert self._producer.flush(30) == 0

    def keyless(self, event: Event) -> None:
        """Send the event without its key."""
        self.raw(event, None, self._framer.frame(event.topic, event.value))

    def truncated(self, event: Event) -> None:
        """Send the event without its last bytes."""
        self.raw(event, event.key.encode(), (self._framer.frame(event.topic, event.value) or b"")[:-9])


def made(make: Callable[..., Event], *about: str) -> Event:
    now_ms = time.time_ns() // 1_000_000
    return make(random.Random(len(about)), *about, now_ms, lambda: str(uuid.uuid4()))


def changed(event: Event, **changes: Any) -> Event:
    return replace(event, value={**(event.value or {}), **changes})


def mended_lines(folder: Path, mend: Callable[[dict[str, Any]], dict[str, Any]]) -> list[str]:
    """The exported lines of all files, each as `mend` makes it."""
    lines = (line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines())
    return [json.dumps(mend(json.loads(line))) for line in lines]


def test_mended_records_reach_silver_and_gold_once(pipeline: PipelineProcess, replay: Replay, tmp_path: Path) -> None:
    settings, sent = pipeline.settings, Sent(pipeline.settings)
    customer = made(profile_event)
    wrong_total, keyless, cut, left = (made(order_event, customer.key) for _ in range(4))
    fax = changed(made(activation_event, customer.key), channel="fax")
    sent.good(customer, changed(wrong_total, order_total_cents=1), changed(left, currency="EUR"), fax)
    sent.keyless(keyless)
    sent.truncated(cut)
    pipeline.settle()

    shown = replay()
    assert shown.exit_code == 0, shown.output
    total = [line.split() for line in shown.output.splitlines() if "total_not_sum_of_items" in line]
    assert [cell for cell in total[0] if cell.isdigit()] == ["1", "0", "1"]
    folder = tmp_path / "mend"
    assert replay("--export", folder, "--topic", ORDER_PLACED.name).exit_code == 0
    assert {file.stem for file in folder.iterdir()} == {
        "total_not_sum_of_items", "unknown_currency", "null_key", "undecodable",
    }  # fmt: skip

    def mend(told: dict[str, Any]) -> dict[str, Any]:
        if told["reason"] == "total_not_sum_of_items":
            return {**told, "value": wrong_total.value}
        if told["reason"] == "null_key":
            return {**told, "key": told["value"]["customer_id"]}
        if told["reason"] == "undecodable":
            return {**told, "value": cut.value}
        return told

    file = tmp_path / "mended.jsonl"
    file.write_text("\n".join(mended_lines(folder, mend)), "utf-8")
    pipeline.stop()
    first = replay("--from", file)
    assert (first.exit_code, "3 records replayed, 1 refused" in first.output) == (1, True), first.output
    assert "still unknown_currency (currency 'EUR')" in first.output
    again = replay("--from", file)
    assert "0 records replayed, 4 refused" in again.output, "known by its header, although Spark has not seen it"
    assert again.output.count("already replayed, as dom.order.placed.v1:") == 3
    pipeline.start()
    pipeline.settle()
    assert replay("--from", file).output.count("already replayed, as dom.order.placed.v1:") == 3

    ids = {event.value["order_id"] for event in (wrong_total, keyless, cut) if event.value}
    assert {row["order_id"] for row in rows(settings, SILVER_ORDERS)} == ids
    (gold,) = rows(settings, GOLD_CUSTOMER_360, customer_id=customer.key)
    cents = sum(event.value["order_total_cents"] for event in (wrong_total, keyless, cut) if event.value)
    assert (gold["order_count"], gold["lifetime_value_cents"]) == (3, cents)
    sources = {
        f"{row['topic']}:{row['partition']}:{row['offset']}": row["reason"] for row in rows(settings, QUARANTINE)
    }
    replaced = [sources[str(row["_replayed_from"])] for row in rows(settings, BRONZE_ORDERS)]
    assert sorted(replaced) == ["null_key", "total_not_sum_of_items", "undecodable"]

    checks = audit(settings)
    assert {name: check.examples for name, check in checks.items()} == {name: [] for name in checks}
    assert checks["replayed"].notes == ["3 of 5 quarantined records were replayed"]
    shown = replay("--reason", "null_key")
    assert [cell for cell in shown.output.split() if cell.isdigit()] == ["1", "1", "0"]


def test_an_old_profile_takes_nothing_away_and_an_open_one_comes_back(
    pipeline: PipelineProcess, replay: Replay, tmp_path: Path
) -> None:
    settings, sent = pipeline.settings, Sent(pipeline.settings)
    late, erased, lost = (made(profile_event) for _ in range(3))
    for event in (late, erased, lost):
        sent.good(changed(event, event_id="not an id"))
    sent.good(changed(late, event_id=str(uuid.uuid4()), occurred_at_ms=time.time_ns() // 1_000_000, first_name="New"))
    sent.good(erase_event(erased.key))
    pipeline.settle()
    folder, file = tmp_path / "mend", tmp_path / "mended.jsonl"
    assert replay("--export", folder, "--reason", "id_not_uuid").exit_code == 0
    ids = {event.key: (event.value or {})["event_id"] for event in (late, erased, lost)}
    lines = mended_lines(folder, lambda told: {**told, "value": {**told["value"], "event_id": ids[told["key"]]}})
    file.write_text("\n".join(lines), "utf-8")
    output = replay("--from", file).output
    assert "1 records replayed, 2 refused" in output
    assert "a newer profile of the customer is there" in output
    assert "the customer was erased after it" in output
    pipeline.settle()
    names = {row["customer_id"]: row["first_name"] for row in rows(settings, SILVER_CUSTOMERS)}
    assert (names[late.key], erased.key in names) == ("New", False)
    assert names[lost.key] == (lost.value or {})["first_name"]
    assert rows(settings, GOLD_CUSTOMER_360, customer_id=lost.key)


def test_a_mended_record_that_is_wrong_again_keeps_its_history(pipeline: PipelineProcess) -> None:
    """Whoever sends a header of this name: the quarantine shows what the record was to replace."""
    settings = pipeline.settings
    producer = Producer(producer_config(settings, 30))
    producer.produce(ACTIVATION_STATUS.name, b"still wrong", b"k", headers={REPLAYED_FROM: b"somewhere:0:1"})
    assert producer.flush(30) == 0
    pipeline.settle()
    (row,) = rows(settings, QUARANTINE, value=b"still wrong")
    assert row["replayed_from"] == "somewhere:0:1"
    assert "somewhere:0:1, which is not in quarantine" in audit(settings)["replayed"].examples[0]
