"""Which way the lab runs on this machine, and why."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.errors import ModeUnavailable

COMPOSE_FILE = "docker-compose.yml"
ENGINE_TIMEOUT_S = 5


@dataclass(frozen=True)
class Mode:
    """`name` is "native"; `why` is one sentence for people."""

    name: str
    why: str


def choose_mode(settings: Settings, project: Path = PROJECT_DIR) -> Mode:
    """The way this lab runs. Data keeps the way it was made with.

    Raises:
        ModeUnavailable: containers are asked for, by MODE or by the data, and this checkout has none.
    """
    kept = data_mode(settings)
    if "docker" in (settings.mode, kept):
        asked = (
            "MODE=docker" if settings.mode == "docker" else f"the data in {settings.data_dir} was made in containers"
        )
        raise ModeUnavailable(
            f"{asked}, but this lab does not run in containers yet. Remedy: MODE=native"
            + (", after make clear" if kept == "docker" else "")
        )
    if settings.mode == "native":
        return Mode("native", "MODE=native")
    if not (project / COMPOSE_FILE).exists():
        return Mode("native", f"this checkout has no {COMPOSE_FILE}")
    return Mode("native", "no Docker engine answers" if not engine_answers() else "containers are not supported yet")


def data_mode(settings: Settings) -> str | None:
    """The way the stored data was made with, None without data."""
    try:
        return _file(settings).read_text("utf-8").strip()
    except OSError:
        return None


def keep_mode(settings: Settings, mode: Mode) -> None:
    """Note beside the data how it is made."""
    if data_mode(settings) is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        _file(settings).write_text(mode.name + "\n", "utf-8")


def engine_answers() -> bool:
    """Whether a Docker engine answers on this machine."""
    docker = shutil.which("docker")
    if not docker:
        return False
    try:
        done = subprocess.run([docker, "version"], check=False, capture_output=True, timeout=ENGINE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _file(settings: Settings) -> Path:
    return settings.data_dir / "mode"
