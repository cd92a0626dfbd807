"""Whom the drill kills: every process that carries events, by the service it belongs to."""

from dataclasses import dataclass

import psutil

from contracts.model import Station
from scripts.stack.errors import NotRunning
from scripts.stack.lab import NativeLab
from scripts.stack.records import read_started

JVM, PYTHON = "JVM", "Python"


@dataclass(frozen=True)
class Victim:
    """A process to kill: the service it belongs to, and which of the service's processes it is ("" for its own)."""

    service: str
    part: str = ""

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.service}, {self.part}" if self.part else self.service


def all_victims(lab: NativeLab) -> list[Victim]:
    """One victim per service, in the order of the flow; Spark's driver is two processes."""
    found: list[Victim] = []
    for service in lab.services:
        if service.name == Station.SPARK.value:
            found += [Victim(service.name, JVM), Victim(service.name, PYTHON)]
        else:
            found.append(Victim(service.name))
    return found


def process_of(lab: NativeLab, victim: Victim) -> psutil.Process:
    """The process that `victim` is now.

    Raises:
        NotRunning: the service has no such process.
    """
    started = read_started(lab.settings.run_dir, victim.service)
    process = started.process() if started else None
    if process is None:
        raise NotRunning(f"{victim.service} does not run; make status shows what does")
    if victim.part != JVM:
        return process
    for child in process.children(recursive=True):
        if "java" in child.name():
            return child
    raise NotRunning(f"{victim.service} has no Java process yet")
