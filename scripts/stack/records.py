"""What is written down about each service in `.lab/run/`: how to start it, and which process it is now.

A process id alone says nothing after a crash, because the system gives it out again; with the moment the process
was made it names one process for good.
"""

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from contracts.settings import PROJECT_DIR

MARK = "LAB_SERVICE"
CLOCK_TOLERANCE_S = 0.05
LEFTOVER_DEADLINE_S = 5.0


@dataclass(frozen=True)
class LaunchFile:
    """How to become a service: its command, what is added to the environment, and the folder to be in."""

    command: list[str]
    env: dict[str, str]
    folder: str = str(PROJECT_DIR)

    def write(self, run_dir: Path, service: str) -> None:
        """Put it where `read` finds it; readable for the owner alone, because settings may hold secrets."""
        _replace(run_dir / "launch" / f"{service}.json", asdict(self))

    @classmethod
    def read(cls, run_dir: Path, service: str) -> "LaunchFile":
        """The one that `write` wrote.

        Raises:
            FileNotFoundError: the service was never started.
        """
        return cls(**json.loads((run_dir / "launch" / f"{service}.json").read_text("utf-8")))


@dataclass(frozen=True)
class Started:
    """The process of a service: `created` in seconds since 1970, `mark` is what its environment carries."""

    pid: int
    created: float
    mark: str
    restarts: int = 0

    def process(self) -> psutil.Process | None:
        """The process, None when it has ended (and another may have its id)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def note_start(run_dir: Path, service: str, pid: int) -> None:
    """Write down that process `pid` is now the service; a restart unless `expect_start` was called before."""
    before = read_started(run_dir, service)
    asked_for = _expected(run_dir, service)
    restarts = (before.restarts if before else 0) + (0 if asked_for.exists() or before is None else 1)
    asked_for.unlink(missing_ok=True)
    started = Started(pid, psutil.Process(pid).create_time(), mark_of(run_dir, service), restarts)
    _replace(_started(run_dir, service), asdict(started))


def expect_start(run_dir: Path, service: str) -> None:
    """Say that the next start of the service is asked for and is no restart."""
    _expected(run_dir, service).parent.mkdir(parents=True, exist_ok=True)
    _expected(run_dir, service).touch()


def read_started(run_dir: Path, service: str) -> Started | None:
    """What was last written down, None when the service never ran or the file is damaged."""
    try:
        return Started(**json.loads(_started(run_dir, service).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def recorded_services(run_dir: Path) -> list[str]:
    """The services that have run below this folder."""
    return sorted(each.name.removesuffix(".started.json") for each in run_dir.glob("*.started.json"))


def mark_of(run_dir: Path, service: str) -> str:
    """What a service's processes carry in their environment as `MARK`."""
    return f"{run_dir}:{service}"


def group_members(started: Started) -> list[psutil.Process]:
    """The living processes of the service: the one that was noted, and those that carry its mark.

    Not every process keeps its mark: Redis writes its title over its environment.
    """
    leader = started.process()
    others = (each for each in psutil.process_iter() if each != leader and _belongs(each, started))
    return [*([leader] if leader else []), *others]


def is_ours(run_dir: Path, process: psutil.Process) -> bool:
    """Whether `process` belongs to a service of the lab whose run folder this is."""
    started = (read_started(run_dir, service) for service in recorded_services(run_dir))
    return any(each and (each.process() == process or _belongs(process, each)) for each in started)


def end_leftovers(run_dir: Path, service: str) -> int:
    """End what is left of the service's last process group: first politely, then with kill. Returns how many."""
    started = read_started(run_dir, service)
    members = group_members(started) if started else []
    end_processes(members)
    return len(members)


def end_processes(processes: list[psutil.Process], seconds: float = LEFTOVER_DEADLINE_S) -> None:
    """SIGTERM, then SIGKILL for those that are still there after `seconds`."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=seconds)


def uptime_s(process: psutil.Process) -> float:
    """Seconds since the process was made."""
    return max(0.0, time.time() - process.create_time())


def _belongs(process: psutil.Process, started: Started) -> bool:
    try:
        if process.create_time() < started.created - CLOCK_TOLERANCE_S or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(MARK) == started.mark
    except (psutil.Error, OSError):
        return False


def _started(run_dir: Path, service: str) -> Path:
    return run_dir / f"{service}.started.json"


def _expected(run_dir: Path, service: str) -> Path:
    return run_dir / f"{service}.asked"


def _replace(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content), "utf-8")
    part.replace(path)
