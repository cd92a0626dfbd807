"""The environment: what is installed when, with a pip and a venv that only note that they were called."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.stack import bootstrap_venv as boot

FILE = Path(boot.__file__)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (boot.BUILD, boot.RUNTIME, boot.DEV):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".lab" / "cache").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces what starts programs; the list says what would have been started."""
    made: list[str] = []

    def create(venv: Path) -> None:
        made.append("create")
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch()

    def pip(venv: Path, *arguments: str) -> float:
        made.append(Path(arguments[-1]).name)
        return 1.0

    monkeypatch.setattr(boot, "create", create)
    monkeypatch.setattr(boot, "pip", pip)
    monkeypatch.setattr(boot, "works", lambda venv: (venv / "bin" / "python").exists())
    return made


def test_a_fresh_folder_gets_everything_once(project: Path, calls: list[str]) -> None:
    boot.ensure_environment(project, dev=False)
    assert calls == ["create", boot.BUILD, boot.RUNTIME]
    boot.ensure_environment(project, dev=False)
    assert calls == ["create", boot.BUILD, boot.RUNTIME]


def test_changed_requirements_are_installed_again(project: Path, calls: list[str]) -> None:
    boot.ensure_environment(project, dev=False)
    calls.clear()
    (project / boot.RUNTIME).write_text("# other\n")
    boot.ensure_environment(project, dev=False)
    assert calls == [boot.RUNTIME]


def test_the_development_set_holds_the_runtime_set(project: Path, calls: list[str]) -> None:
    boot.ensure_environment(project, dev=False)
    calls.clear()
    boot.ensure_environment(project, dev=True)
    assert calls == [boot.DEV]
    boot.ensure_environment(project, dev=False)
    assert calls == [boot.DEV]


def test_an_interrupted_installation_is_made_anew(project: Path, calls: list[str]) -> None:
    boot.ensure_environment(project, dev=False)
    calls.clear()
    boot.unfinished(project / ".venv").touch()
    boot.stamp_file(project / ".venv", boot.RUNTIME).unlink()
    boot.ensure_environment(project, dev=False)
    assert calls[0] == "create"


def test_another_python_version_means_another_environment(
    project: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    boot.ensure_environment(project, dev=False)
    monkeypatch.setattr(boot.sys, "version_info", (3, 10, 0))
    assert not boot.is_current(project, project / ".venv", boot.RUNTIME)


@pytest.mark.parametrize("version", [(3, 9), (2, 7), (3, 14)])
def test_a_wrong_python_is_refused_with_what_is_accepted(version: tuple[int, int]) -> None:
    with pytest.raises(boot.BootstrapFailed, match=r"runs on 3\.10 to 3\.13.*PYTHON="):
        boot.check_python(version)


@pytest.mark.parametrize("version", [(3, 10), (3, 13)])
def test_the_edges_are_accepted(version: tuple[int, int]) -> None:
    boot.check_python(version)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("  Downloading x-1.0-py3-none-any.whl (129 kB)", 0.129),
        ("Downloading pyspark-4.0.4.tar.gz (434.2 MB)", 434.2),
        ("Downloading x.whl.metadata (500 bytes)", 0.0005),
        ("Using cached x-1.0-py3-none-any.whl (129 kB)", 0.0),
        ("Collecting x", 0.0),
    ],
)
def test_sizes_are_read_from_what_pip_says(line: str, size: float) -> None:
    assert boot.megabytes(line) == pytest.approx(size)


def test_pip_that_fails_is_shown_and_leaves_no_mark_of_an_interruption(project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: no matching distribution'\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(boot.BootstrapFailed, match=r"ended with 1:\n.*no matching distribution[\s\S]*Remedy"):
        boot.pip(project / ".venv", "install", "-r", "requirements.txt")
    assert not boot.unfinished(project / ".venv").exists()


def test_without_venv_and_pip_the_remedy_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "quietly", lambda *command: False)
    with pytest.raises(boot.BootstrapFailed, match=r"apt install python3\.\d+-venv"):
        boot.create(project / ".venv")


def test_without_ensurepip_the_systems_pip_is_asked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def quietly(*command: str) -> bool:
        asked.append(command[1:])
        return command[2:4] != ("venv", str(project / ".venv"))

    monkeypatch.setattr(boot, "quietly", quietly)
    monkeypatch.setattr(boot, "works", lambda venv: len(asked) == 3)
    boot.create(project / ".venv")
    assert "--without-pip" in asked[1]
    assert asked[2][:3] == ("-m", "pip", "--python")


def test_it_runs_without_any_package() -> None:
    """On a fresh machine there is the standard library alone."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(FILE), "--help"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
