"""What is noted about processes: restarts, and which process is really ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.stack.records import (
    MARK,
    LaunchFile,
    Started,
    end_leftovers,
    expect_start,
    group_members,
    mark_of,
    note_start,
    read_started,
)

WAIT = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, MARK: mark_of(tmp_path, "redis")}
    with subprocess.Popen(WAIT, stdin=subprocess.PIPE, env=environment) as process:
        yield process
        process.kill()


def test_a_start_that_was_asked_for_is_no_restart(tmp_path: Path) -> None:
    expect_start(tmp_path, "redis")
    note_start(tmp_path, "redis", os.getpid())
    expect_start(tmp_path, "redis")
    note_start(tmp_path, "redis", os.getpid())
    started = read_started(tmp_path, "redis")
    assert started is not None
    assert started.restarts == 0
    note_start(tmp_path, "redis", os.getpid())
    note_start(tmp_path, "redis", os.getpid())
    again = read_started(tmp_path, "redis")
    assert again is not None
    assert again.restarts == 2


def test_a_process_is_known_by_its_id_and_the_moment_it_was_made(child: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(child.pid).create_time()
    assert Started(child.pid, created, "").process() is not None
    assert Started(child.pid, created - 60, "").process() is None
    assert Started(999_999_999, created, "").process() is None


def test_what_a_killed_service_leaves_is_ended(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    note_start(tmp_path, "redis", child.pid)
    assert end_leftovers(tmp_path, "redis") == 1
    assert not psutil.pid_exists(child.pid)
    assert end_leftovers(tmp_path, "redis") == 0


def test_children_of_a_dead_leader_are_found_by_their_mark(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    orphaned = Started(999_999_999, psutil.Process(child.pid).create_time() - 5, mark_of(tmp_path, "redis"))
    assert [each.pid for each in group_members(orphaned)] == [child.pid]
    strangers = Started(999_999_999, orphaned.created, mark_of(tmp_path / "other", "redis"))
    assert group_members(strangers) == []


def test_a_launch_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    LaunchFile(["true"], {"FLASK_SECRET_KEY": "x"}).write(tmp_path, "webapp")
    assert LaunchFile.read(tmp_path, "webapp").env == {"FLASK_SECRET_KEY": "x"}
    assert (tmp_path / "launch" / "webapp.json").stat().st_mode & 0o077 == 0
