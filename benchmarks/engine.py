"""The SQL engine as processes that a benchmark starts, looks at and ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks.processes import end
from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.deadline import wait_until
from scripts.stack.probes import http_ready
from scripts.stack.trial import free_ports

READY_WITHIN_S = 60.0
END_WITHIN_S = 20.0
MB = 1e6


@dataclass(frozen=True)
class Memory:
    """Memory in MB: resident, and the share of each process of what they share (None where nobody counts it)."""

    resident_mb: float
    proportional_mb: float | None


@dataclass(frozen=True)
class Engine:
    """A running engine. `settings` are the lab's with this engine's address."""

    settings: Settings
    service: str
    process: psutil.Process

    @property
    def processes(self) -> list[psutil.Process]:
        """The server and its workers."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_s(self) -> float:
        """Processor time of all processes up to now, in seconds."""
        return sum(sum(each.cpu_times()[:2]) for each in self.processes)

    def memory(self) -> list[Memory]:
        """The server's memory and then each worker's."""
        full = [each.memory_full_info() for each in self.processes]
        return [Memory(each.rss / MB, each.pss / MB if hasattr(each, "pss") else None) for each in full]


@contextmanager
def running_engine(
    settings: Settings, service: str, *, workers: int | None, commit_interval_s: float, cached: bool = True
) -> Iterator[Engine]:
    """Run an engine with an empty state folder of its own; `service` must not have been used before.

    Raises:
        TimeoutError: the engine is not ready in time.
    """
    folder = settings.home / "engines" / service
    folder.mkdir(parents=True)
    [port] = free_ports(1)
    own = settings.model_copy(update={"ksql_server": f"http://{settings.host}:{port}"})
    options = {
        "--port": str(port),
        "--bootstrap": settings.bootstrap,
        "--registry-url": settings.registry_url,
        "--state-dir": str(folder / "state"),
        "--service-id": service,
        "--commit-interval-ms": str(round(commit_interval_s * 1000)),
        **({} if workers is None else {"--workers": str(workers)}),
        **({} if cached else {"--property": "ksql.streams.cache.max.bytes.buffering=0"}),
    }
    command = [sys.executable, "-m", "ksql_engine", *(part for option in options.items() for part in option)]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=log, stderr=log)
    try:
        if not wait_until(http_ready(f"{own.ksql_url}/healthcheck", "isHealthy"), READY_WITHIN_S):
            raise TimeoutError(f"the engine is not ready within {READY_WITHIN_S:g} s: {folder / 'engine.log'}")
        yield Engine(own, service, psutil.Process(process.pid))
    finally:
        end(process, END_WITHIN_S)
