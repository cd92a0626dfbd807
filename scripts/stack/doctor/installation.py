"""Checks of what was installed and of what an earlier run left behind."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from contracts.cluster import FILE_NAME
from contracts.settings import PROJECT_DIR
from scripts.stack import kafka
from scripts.stack.bootstrap_venv import DEV, RUNTIME, is_current, unfinished
from scripts.stack.doctor.finding import Finding, error, warning
from scripts.stack.errors import ModeUnavailable
from scripts.stack.jars.fetch import missing_jars
from scripts.stack.lab import NativeLab
from scripts.stack.mode import choose_mode
from scripts.stack.orphans import find_orphans
from scripts.stack.redis_server import REMEDY, find_redis


def environment(_lab: NativeLab) -> Iterator[Finding]:
    """An interrupted installation leaves packages that are there by half."""
    yield from environment_findings(PROJECT_DIR, Path(sys.prefix))


def environment_findings(project: Path, venv: Path) -> Iterator[Finding]:
    """The findings about the environment `venv` of the project in `project`."""
    if unfinished(venv).exists():
        yield error(f"{venv} is half-made: an installation was interrupted", "make setup")
    elif not any(is_current(project, venv, each) for each in (RUNTIME, DEV)):
        yield warning(f"{venv} is not what {RUNTIME} says now", "make setup")


def downloads(lab: NativeLab) -> Iterator[Finding]:
    """Jars and Redis must be there; nothing is fetched while the lab runs."""
    missing = missing_jars(lab.settings.cache_dir)
    if missing:
        yield warning(f"{len(missing)} jars are missing or damaged, such as {missing[0].path}", "make setup")
    if not find_redis():
        yield warning("there is no redis-server", f"make setup builds one, or {REMEDY}")


def folders(lab: NativeLab) -> Iterator[Finding]:
    """Data, logs and downloads must be writable."""
    for folder in (lab.settings.home, lab.settings.cache_dir):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not os.access(there, os.W_OK):
            yield error(f"{there} cannot be written", "change its owner, or choose another folder with LAB_HOME")


def left_processes(lab: NativeLab) -> Iterator[Finding]:
    """A killed supervisor leaves its pid file, and services that nobody restarts any more."""
    if lab.supervisor.is_running():
        return
    if lab.supervisor.process() is not None:
        yield warning("the supervisor is there but does not answer", "make down ends it")
    elif lab.supervisor.pid_file.exists():
        yield warning(f"stale pid file: {lab.supervisor.pid_file}", "none needed; the next make up writes it anew")
    orphans = find_orphans(lab.settings, lab.supervisor)
    if orphans:
        yield warning(f"without a supervisor: {', '.join(orphans)}", "make up or make down ends them")


def cluster_ids(lab: NativeLab) -> Iterator[Finding]:
    """Positions and state mean nothing in another cluster's topics."""
    data = lab.settings.data_dir
    remedy = "make clear (removes topics, tables and state together)"
    current = kafka.known_cluster_id(lab.settings)
    for file in sorted({*data.rglob(FILE_NAME), kafka.cluster_id_file(lab.settings)}):
        if not file.is_file() or (known := file.read_text("utf-8", "replace").strip()) == current:
            continue
        if current:
            yield error(f"{file} belongs to Kafka cluster {known}, the topics here to {current}", remedy)
        else:
            yield error(f"{file} belongs to Kafka cluster {known}, whose topics are gone", remedy)


def mode(lab: NativeLab) -> Iterator[Finding]:
    """The way to run that is asked for must be there."""
    try:
        choose_mode(lab.settings)
    except ModeUnavailable as unavailable:
        text, _, remedy = str(unavailable).partition(" Remedy: ")
        yield error(text, remedy)
