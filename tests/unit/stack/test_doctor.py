"""The preflight: each finding names what is wrong and the remedy."""

import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from contracts.cluster import claim_cluster
from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.stack import bootstrap_venv as boot
from scripts.stack.doctor import installation, machine, preflight
from scripts.stack.doctor.finding import Finding, Level, error, warning
from scripts.stack.errors import ModeUnavailable, PreflightFailed
from scripts.stack.lab import NativeLab
from scripts.stack.mode import choose_mode, data_mode, keep_mode
from scripts.stack.trial import trial_settings


@pytest.fixture
def lab(tmp_path: Path) -> NativeLab:
    return NativeLab.build(trial_settings(tmp_path), MARKETING)


def test_a_port_in_use_is_named_with_its_holder(lab: NativeLab) -> None:
    assert list(machine.ports(lab)) == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", lab.settings.port("redis")))
        taken.listen()
        (finding,) = machine.ports(lab)
    assert finding.level is Level.ERROR
    assert f"port {lab.settings.port('redis')} of redis is in use by" in finding.text
    assert f"process {psutil.Process().pid}" in finding.text
    assert "LAB_PORT_OFFSET" in finding.remedy


def test_sparks_pages_may_move(lab: NativeLab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", lab.settings.port("spark_ui")))
        taken.listen()
        (finding,) = machine.ports(lab)
    assert finding.level is Level.WARNING


@pytest.mark.parametrize(("free_mb", "levels"), [(64_000, []), (2_000, [Level.WARNING]), (300, [Level.ERROR])])
def test_memory(lab: NativeLab, monkeypatch: pytest.MonkeyPatch, free_mb: int, levels: list[Level]) -> None:
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(available=free_mb * 1e6))
    assert [finding.level for finding in machine.memory(lab)] == levels


@pytest.mark.parametrize(("free_gb", "levels"), [(100, []), (2, [Level.WARNING]), (0.2, [Level.ERROR])])
def test_disk(lab: NativeLab, monkeypatch: pytest.MonkeyPatch, free_gb: float, levels: list[Level]) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free_gb * 1e9))
    assert [finding.level for finding in machine.disk(lab)] == levels


def test_a_stale_pid_file_is_harmless_and_said(lab: NativeLab) -> None:
    lab.settings.run_dir.mkdir(parents=True)
    lab.supervisor.pid_file.write_text("999999999")
    (finding,) = installation.left_processes(lab)
    assert (finding.level, "stale pid file" in finding.text) == (Level.WARNING, True)


def test_a_foreign_process_with_a_recorded_id_is_not_ours(lab: NativeLab) -> None:
    """The system gives ids out again: an id alone says nothing."""
    lab.settings.run_dir.mkdir(parents=True)
    lab.supervisor.pid_file.write_text(str(psutil.Process().pid))
    assert lab.supervisor.process() is None


def _format(lab: NativeLab, cluster_id: str) -> None:
    folder = lab.settings.data_dir / "kafka"
    folder.mkdir(parents=True)
    (folder / "meta.properties").write_text(f"#comment\nversion=1\ncluster.id={cluster_id}\n")
    (lab.settings.data_dir / "kafka-cluster-id").write_text(f"{cluster_id}\n")


def test_state_of_the_same_cluster_is_fine(lab: NativeLab) -> None:
    _format(lab, "ours")
    claim_cluster(lab.settings.checkpoints_dir, "ours")
    assert list(installation.cluster_ids(lab)) == []


def test_state_of_another_cluster_is_an_error(lab: NativeLab) -> None:
    _format(lab, "ours")
    claim_cluster(lab.settings.checkpoints_dir, "theirs")
    (finding,) = installation.cluster_ids(lab)
    assert finding.level is Level.ERROR
    assert "theirs" in finding.text
    assert "ours" in finding.text
    assert finding.remedy.startswith("make clear")


def test_state_without_its_topics_is_an_error(lab: NativeLab) -> None:
    claim_cluster(lab.settings.checkpoints_dir, "gone")
    (finding,) = installation.cluster_ids(lab)
    assert (finding.level, "topics are gone" in finding.text) == (Level.ERROR, True)


def test_a_half_made_environment_is_an_error_and_an_old_one_a_warning(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    for name in (boot.BUILD, boot.RUNTIME, boot.DEV):
        (tmp_path / name).touch()
    (old,) = installation.environment_findings(tmp_path, venv)
    assert old.level is Level.WARNING
    boot.stamp(tmp_path, venv, boot.RUNTIME)
    assert list(installation.environment_findings(tmp_path, venv)) == []
    boot.unfinished(venv).touch()
    (half,) = installation.environment_findings(tmp_path, venv)
    assert (half.level, half.remedy) == (Level.ERROR, "make setup")


def test_an_error_stops_the_start_and_a_warning_does_not(lab: NativeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def finding(found: Finding) -> None:
        monkeypatch.setattr(preflight, "CHECKS", (("x", lambda lab: iter([found])),))

    finding(warning("a bit little", "more"))
    preflight.preflight(lab, said.append)
    finding(error("far too little", "much more"))
    with pytest.raises(PreflightFailed, match="1 error; nothing was started"):
        preflight.preflight(lab, said.append)
    assert said == ["warning: a bit little. Remedy: more", "error: far too little. Remedy: much more"]


def test_without_a_compose_file_the_lab_runs_natively(tmp_path: Path) -> None:
    mode = choose_mode(Settings(home=tmp_path, mode="auto"), project=tmp_path)
    assert (mode.name, mode.why) == ("native", "this checkout has no docker-compose.yml")


def test_containers_that_are_asked_for_and_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModeUnavailable, match=r"MODE=docker.*not run in containers yet.*MODE=native"):
        choose_mode(Settings(home=tmp_path, mode="docker"), project=tmp_path)


def test_data_keeps_its_mode(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, mode="native")
    keep_mode(settings, choose_mode(settings))
    assert data_mode(settings) == "native"
    (settings.data_dir / "mode").write_text("docker")
    with pytest.raises(ModeUnavailable, match="was made in containers"):
        choose_mode(settings)
