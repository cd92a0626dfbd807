"""The commands that the README names, against the whole lab, as a person types them."""

import json
import os
import subprocess
import sys

import pytest

from contracts.settings import PROJECT_DIR
from scripts.stack.environment import settings_environment
from scripts.stack.lab import NativeLab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def command(lab: NativeLab, *words: str, code: int = 0) -> str:
    """What `./lab WORDS` prints; it must end with `code`."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.lab", *words],
        cwd=PROJECT_DIR,
        env={**os.environ, **settings_environment(lab.settings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_status_names_every_service_as_ready(lab: NativeLab) -> None:
    rows = json.loads(command(lab, "status", "--json"))["services"]
    assert {row["name"]: row["state"] for row in rows} == {
        **{service.name: "ready" for service in lab.services},
        "supervisor": "ready",
    }


def test_declaring_twice_changes_nothing(lab: NativeLab) -> None:
    for name in ("topics", "schemas", "ksql"):
        command(lab, name)
        assert "everything is as declared" in command(lab, name)


def test_the_story_is_told_and_the_books_balance(lab: NativeLab) -> None:
    assert "Live and gold agree" in command(lab, "verify")
    assert "faults injected" in command(lab, "generate", "--rate", "200", "--duration", "10", "--bad", "0.05")
    assert "The books balance" in command(lab, "audit")


def test_killed_processes_come_back_under_load_and_nothing_is_lost(lab: NativeLab) -> None:
    victims = "kafka,registry,redis,ksql,spark,projector,stage-keeper,webapp"
    told = command(lab, "drill", "--rate", "50", "--only", victims, "--within", "120")
    assert told.count(": healed after") == len(victims.split(",")) + 1  # Spark is two processes
    assert "The books balance" in command(lab, "audit")


def test_data_of_a_running_lab_is_not_removed(lab: NativeLab) -> None:
    command(lab, "clear", code=1)
    assert lab.settings.data_dir.exists()
