"""Probes, and since when a station is in its state."""

import socket
from typing import Any

import pytest

from contracts.heartbeat import write_heartbeat
from contracts.settings import Settings
from webapp.health import DOWN, UNKNOWN, UP, WAITING, Finding, Health
from webapp.probes import heartbeat, http, tcp


def test_since_when_counts_from_the_change_of_state() -> None:
    found = {"kafka": Finding(UP)}
    clock = iter(range(100, 10_000, 100))
    told: list[Any] = []
    health = Health({"kafka": lambda: found["kafka"]}, told.append, clock_ms=lambda: next(clock))
    assert health.states()[0].state == UNKNOWN
    health.probe_once()
    health.probe_once()
    first = health.states()[0]
    assert (first.state, first.since_ms) == (UP, 200)
    found["kafka"] = Finding(DOWN, "refused")
    health.probe_once()
    health.probe_once()
    down = health.states()[0]
    assert (down.state, down.since_ms, down.reason) == (DOWN, 300, "refused")
    assert [state.name for state in health.troubles()] == ["kafka"]
    assert len(told) == 2  # up, then down; nothing for what stays


def test_a_server_that_listens_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert tcp(f"127.0.0.1:1,127.0.0.1:{port}").state == UP
    assert tcp(f"127.0.0.1:{port}").state == DOWN
    assert tcp("nonsense").state == DOWN


def test_nothing_at_an_address_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    finding = http(f"http://127.0.0.1:{port}/info")
    assert finding.state == DOWN
    assert finding.reason


@pytest.mark.parametrize(("state", "expected"), [("running", UP), ("waiting", WAITING), ("failed", DOWN)])
def test_a_heartbeat_says_how_a_service_is(settings: Settings, state: str, expected: str) -> None:
    write_heartbeat(settings.run_dir, "projector", state, reason=None if state == "running" else "Kafka is down")
    finding = heartbeat(settings, "projector")()
    assert finding.state == expected
    assert finding.reason == (None if state == "running" else "Kafka is down")


def test_no_heartbeat_is_down(settings: Settings) -> None:
    assert heartbeat(settings, "projector")() == Finding(DOWN, "projector has not started")


def test_an_old_heartbeat_is_down(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_heartbeat(settings.run_dir, "spark", "running")
    monkeypatch.setattr("webapp.probes.now_ms", lambda: 2**53)
    assert heartbeat(settings, "spark")().state == DOWN
