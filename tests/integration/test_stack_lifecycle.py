"""A lab's life with real processes: start, kill, failure, stop, two at once."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from contracts.heartbeat import write_heartbeat
from contracts.marketing import MARKETING
from contracts.settings import PROJECT_DIR
from scripts.stack import kafka
from scripts.stack.deadline import wait_until
from scripts.stack.environment import settings_environment
from scripts.stack.errors import NotReady, ServiceDied
from scripts.stack.lab import NativeLab
from scripts.stack.orphans import find_orphans
from scripts.stack.records import Started, read_started
from scripts.stack.services import find_service
from scripts.stack.status import READY, lab_status
from scripts.stack.supervision import Supervisor
from scripts.stack.trial import trial_lab, trial_settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeLab]:
    with trial_lab(tmp_path_factory.mktemp("first"), MARKETING, ["kafka", "redis"], print) as running:
        yield running


def started(lab: NativeLab, name: str) -> Started:
    record = read_started(lab.settings.run_dir, name)
    assert record is not None
    return record


def cache(lab: NativeLab) -> "redis.Redis[str]":
    return redis.Redis.from_url(lab.settings.redis_url, decode_responses=True)


def command(lab: NativeLab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.lab", *arguments],
        env={**os.environ, **settings_environment(lab.settings), "LAB_PORT_OFFSET": "0"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_status_shows_what_runs(lab: NativeLab) -> None:
    rows = {row.name: row for row in lab_status(lab)}
    assert {name for name, row in rows.items() if row.state == READY} == {"kafka", "redis", "supervisor"}
    assert rows["spark"].state == "stopped"
    assert rows["kafka"].memory_mb is not None
    assert 50 < rows["kafka"].memory_mb < 450
    assert rows["redis"].memory_mb is not None
    assert rows["redis"].memory_mb < 20
    assert rows["supervisor"].memory_mb is not None
    assert rows["supervisor"].memory_mb < 30


@pytest.mark.parametrize("name", ["redis", "kafka"])
def test_a_killed_process_comes_back_with_its_data(lab: NativeLab, name: str) -> None:
    cache(lab).set("kept", "yes")
    cluster = kafka.known_cluster_id(lab.settings)
    before = started(lab, name)
    psutil.Process(before.pid).kill()
    service = find_service(lab.services, name)
    assert wait_until(lambda: started(lab, name).pid != before.pid and service.ready(), 60)
    assert started(lab, name).restarts == before.restarts + 1
    assert cache(lab).get("kept") == "yes"
    assert kafka.known_cluster_id(lab.settings) == cluster


def test_two_labs_run_side_by_side(lab: NativeLab, tmp_path: Path) -> None:
    with trial_lab(tmp_path, MARKETING, ["kafka", "redis"], print) as other:
        cache(lab).set("whose", "first")
        cache(other).set("whose", "second")
        assert cache(lab).get("whose") == "first"
        assert kafka.known_cluster_id(lab.settings) != kafka.known_cluster_id(other.settings)
        for each in (lab, other):
            assert find_service(each.services, "kafka").ready()
    assert find_service(lab.services, "kafka").ready()


def test_a_process_that_dies_fails_the_start_at_once_with_the_end_of_its_log(tmp_path: Path) -> None:
    settings = trial_settings(tmp_path)
    dying = (sys.executable, "-c", "print('no luck today'); raise SystemExit(3)")
    services = tuple(
        dataclasses.replace(each, command=dying) if each.name == "registry" else each
        for each in NativeLab.build(settings, MARKETING).services
    )
    lab = NativeLab(settings, MARKETING, services, Supervisor(settings, services))
    begun = time.monotonic()
    try:
        with pytest.raises(ServiceDied, match=r"registry ended while it was starting[\s\S]*no luck today"):
            lab.up(["redis", "registry"], print, bootstrap=False)
        assert time.monotonic() - begun < 30
        assert not lab.is_alive("redis"), "what the failed start had started was left running"
    finally:
        lab.down(print)


def test_a_heartbeat_of_the_last_process_says_nothing_about_the_next(lab: NativeLab) -> None:
    """A lab that is started right after it was stopped must wait for the new processes."""
    silent = (sys.executable, "-c", "import threading; threading.Event().wait()")
    services = tuple(
        dataclasses.replace(each, command=silent) if each.name == "projector" else each for each in lab.services
    )
    settings = lab.settings.model_copy(update={"start_deadline_s": 3.0})
    changed = NativeLab(settings, MARKETING, services, Supervisor(settings, services))
    write_heartbeat(settings.run_dir, "projector", "running")
    with pytest.raises(NotReady, match="projector is not ready after 3 s"):
        changed.up(["projector"], print, bootstrap=False)


def test_services_without_their_supervisor_are_found_and_replaced(lab: NativeLab) -> None:
    process = lab.supervisor.process()
    assert process is not None
    old = started(lab, "redis")
    process.kill()
    process.wait(20)
    assert find_orphans(lab.settings, lab.supervisor) == ["kafka", "redis"]
    lab.up(["kafka", "redis"], print, bootstrap=False)
    assert old.process() is None
    assert find_orphans(lab.settings, lab.supervisor) == []
    assert find_service(lab.services, "redis").ready()


def test_the_running_lab_is_no_port_conflict_for_itself(lab: NativeLab) -> None:
    done = command(lab, "doctor")
    assert done.returncode == 0, done.stdout


def test_down_keeps_data_and_clear_removes_it(lab: NativeLab) -> None:
    cache(lab).set("kept", "over the night")
    cluster = kafka.known_cluster_id(lab.settings)
    refused = command(lab, "clear")
    assert refused.returncode == 1
    assert "make down" in refused.stderr
    pids = [started(lab, name).pid for name in ("kafka", "redis")]
    assert command(lab, "down").returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert lab.supervisor.process() is None
    lab.up(["redis"], print, bootstrap=False)
    assert cache(lab).get("kept") == "over the night"
    assert kafka.known_cluster_id(lab.settings) == cluster
    lab.down(print)
    assert command(lab, "clear").returncode == 0
    for folder in (lab.settings.data_dir, lab.settings.logs_dir, lab.settings.run_dir):
        assert not folder.exists()
