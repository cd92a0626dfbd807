"""Verify against a page over HTTP: it agrees, names what is missing, measures, and says when nobody answers."""

import json
import threading
import time
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from verify_fake_page import FakeLab

from scripts.verify.cli import verify
from scripts.verify.client import Page
from scripts.verify.errors import ActionFailed
from scripts.verify.play import play_orders, play_story
from scripts.verify.story import STORY
from scripts.verify.watch import Watcher


def run(url: str, monkeypatch: pytest.MonkeyPatch, *args: str) -> Any:
    monkeypatch.setenv("LAB_PORT_WEB", url.rsplit(":", 1)[1])
    monkeypatch.setenv("LAB_PORT_OFFSET", "0")
    app = typer.Typer()
    app.command()(verify)
    return CliRunner().invoke(app, list(args))


def test_the_whole_story_agrees(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(url, monkeypatch, "--json", "--deadline", "5")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.output)
    assert outcome["agreed"]
    assert [step["stage"] for step in outcome["steps"]] == [step.expected.stage for step in STORY]
    assert all(0 <= step["acknowledged_s"] <= step["live_s"] <= step["gold_settled_s"] for step in outcome["steps"])


def test_the_table_has_every_step(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    result = run(url, monkeypatch, "--deadline", "5")
    assert result.exit_code == 0
    assert all(word in result.output for word in ("evangelist", "gold view", "Live and gold agree"))


def test_a_wrong_gold_view_is_named_and_fails(url: str, lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(found: dict[str, Any]) -> None:
        if found["gold"]["row"]["order_count"] == 2:
            found["gold"]["row"]["lifetime_value_cents"] -= 1

    lab.spoil = spoil
    result = run(url, monkeypatch, "--json", "--deadline", "1")
    assert result.exit_code == 1
    outcome = json.loads(result.output)
    assert not outcome["agreed"]
    last = outcome["steps"][-1]
    assert last["missing"] == ["gold view: lifetime_value_cents is 18998, expected 18999"]
    assert last["live_settled_s"] is not None
    assert last["gold_s"] is None
    table = run(url, monkeypatch, "--deadline", "1")
    assert table.exit_code == 1
    assert "expected 18999" in table.output


def test_an_action_that_is_refused_is_named(url: str, lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.refuse = 503
    result = run(url, monkeypatch, "--json")
    assert result.exit_code == 1
    assert "POST /api/customers: 503" in json.loads(result.output)["missing"]
    with pytest.raises(ActionFailed, match="503"):
        Page(url).create({})


def test_a_page_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("http://127.0.0.1:1", monkeypatch, "--json")
    assert result.exit_code == 2
    assert "make up" in json.loads(result.output)["missing"]


def test_single_orders_are_measured(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(url, monkeypatch, "--orders", "4", "--json", "--deadline", "5")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.output)
    assert outcome["orders"] == 4
    assert outcome["live"]["count"] == 3
    assert 0 < outcome["gold"]["p50_s"] <= outcome["gold"]["p95_s"] <= outcome["gold"]["max_s"] < 5
    assert run(url, monkeypatch, "--orders", "2", "--deadline", "5").exit_code == 0


def test_an_order_that_never_comes_round_fails(url: str, lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(found: dict[str, Any]) -> None:
        if found["gold"]["row"]["order_count"] == 2:
            found["gold"] = None

    lab.spoil = spoil
    result = run(url, monkeypatch, "--orders", "3", "--json", "--deadline", "1")
    assert result.exit_code == 1
    assert "order 2 of customer" in json.loads(result.output)["missing"]


def test_a_change_wakes_the_watcher_at_once(url: str, lab: FakeLab) -> None:
    """With the stream there is hardly any looking while nothing happens, and no waiting when something does."""
    page = Page(url)
    customer_id = page.create({})["customer_id"]
    change_at: list[float] = []

    def change() -> None:
        change_at.append(time.monotonic())
        lab.engage(customer_id, {"status": "failed"})

    with Watcher(page) as watcher:
        watcher.wait(customer_id, {"there": lambda _: []}, 5)
        timer = threading.Timer(1.0, change)
        timer.start()
        before = lab.looked
        reached, missing = watcher.wait(
            customer_id, {"sent": lambda found: [] if found["live"]["row"]["failed"] else ["not yet"]}, 10
        )
        timer.join()
    assert missing == []
    assert 0 <= reached["sent"] - change_at[0] < 0.2
    assert lab.looked - before < 12


def test_without_a_stream_the_api_is_asked(url: str, lab: FakeLab) -> None:
    lab.with_stream = False
    customer_id, played = play_story(Page(url), 5)
    assert len(played) == len(STORY)
    assert all(not one.missing for one in played)
    assert customer_id in lab.customers


def test_each_order_waits_for_its_own_gold(url: str, lab: FakeLab) -> None:
    customer_id, hops = play_orders(Page(url), 3, 5)
    assert len(hops) == 3
    assert len(lab.customers[customer_id]["orders"]) == 3
