"""topics, schemas, ksql, ksql-reset, clear, distclean."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from rich.prompt import Confirm

from contracts.model import Lab
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.ksql import apply_ksql, reset_ksql
from scripts.bootstrap.report import Report
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.commands.context import console, declared, native_lab, say, settings
from scripts.stack.errors import LabIsRunning
from scripts.stack.lab import NativeLab
from scripts.stack.locks import file_lock
from scripts.stack.orphans import end_orphans


def topics() -> None:
    """Create the topics that are missing, and bring their settings to what is declared."""
    _report(ensure_topics)


def schemas() -> None:
    """Register the schemas that are missing; an incompatible one is refused with the reason."""
    _report(ensure_schemas)


def ksql() -> None:
    """Apply the streaming SQL: unchanged statements are left alone."""
    _report(apply_ksql)


def ksql_reset() -> None:
    """Take the streaming SQL down, after saying what will be deleted."""
    _report(reset_ksql)


def clear() -> None:
    """Remove data and logs; what was downloaded stays. Asks first on a terminal."""
    lab = native_lab()
    _refuse_while_running(lab)
    here = settings()
    folders = [each for each in (here.data_dir, here.logs_dir, here.run_dir) if each.exists()]
    if not folders:
        say("there is no data")
        return
    if not _agreed(folders):
        say("nothing was removed")
        return
    with file_lock(here.home / "lab.lock"):
        for orphan in end_orphans(here, lab.supervisor):
            say(f"{orphan} had lost its supervisor; ended it")
        _remove(folders)


def distclean() -> None:
    """Remove everything that was made below the project's folder, downloads included. Asks first on a terminal."""
    lab = native_lab()
    _refuse_while_running(lab)
    here = settings()
    caches = [PROJECT_DIR / name for name in (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")]
    folders = [each for each in (here.home, here.cache_dir, *caches) if each.exists()]
    if folders and not _agreed(folders):
        say("nothing was removed")
        sys.exit(1)
    end_orphans(here, lab.supervisor)
    _remove(folders)


def _report(work: Callable[[Settings, Lab], Report]) -> None:
    report = work(settings(), declared(settings()))
    for line in report.lines:
        console().print(line, markup=False)
    say(f"{report.changed} changed" if report.changed else "everything is as declared")


def _refuse_while_running(lab: NativeLab) -> None:
    if lab.supervisor.is_running():
        raise LabIsRunning(
            "the lab is running; its data cannot be removed from under it. Remedy: make down, then again"
        )


def _agreed(folders: list[Path]) -> bool:
    """Ask on a terminal; without one nobody can answer, and whoever calls has decided."""
    if not sys.stdin.isatty():
        return True
    return Confirm.ask("remove " + ", ".join(map(str, folders)) + "?", default=False)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"removed {folder}")
