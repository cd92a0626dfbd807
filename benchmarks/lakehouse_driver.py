"""The lakehouse's production driver as a process that a benchmark starts, looks at and ends."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from deltalake import DeltaTable

from benchmarks.processes import end
from contracts.heartbeat import read_heartbeat
from contracts.model import Table
from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.deadline import wait_until
from scripts.stack.status import family, memory_mb

END_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05
SAMPLE_EVERY_S = 2.0
BRONZE, PUBLISH_STEP = "bronze", "publish.customer_360"


@dataclass
class Peak:
    """The most memory seen so far, PSS in MB."""

    python_mb: float = 0.0
    java_mb: float = 0.0


@dataclass(frozen=True)
class Driver:
    """A running driver. `service` is its name in the heartbeat."""

    settings: Settings
    service: str
    process: psutil.Process
    log: Path
    peak: Peak = field(default_factory=Peak)

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds so far of the Python process and of the JVM."""
        found = {"python": 0.0, "java": 0.0}
        for each in family(self.process):
            found["java" if each.name() == "java" else "python"] += sum(each.cpu_times()[:2])
        return found

    def look_at_memory(self) -> None:
        """Note the memory of now if it is a peak."""
        members = family(self.process)
        java = [each for each in members if each.name() == "java"]
        self.peak.java_mb = max(self.peak.java_mb, memory_mb(java))
        self.peak.python_mb = max(self.peak.python_mb, memory_mb(each for each in members if each not in java))

    def wait_first_batch(self, within_s: float) -> float:
        """Wait until the query has planned its first batch; when that was, in seconds since the epoch."""
        self._wait((self._checkpoint / "offsets" / "0").exists, within_s, "the first batch")
        return time.time()

    def wait_bronze(self, ends: dict[str, int], within_s: float) -> float:
        """Wait until bronze has everything below `ends` (per "topic:partition"); when that was."""
        self._wait(lambda: self._taken() == ends, within_s, "bronze to be complete")
        return time.time()

    def wait_settled(self, within_s: float) -> None:
        """Wait until a heartbeat made from now on says that no record and no version waits."""
        asked_ms = time.time_ns() // 1_000_000
        self._wait(lambda: self._is_settled(asked_ms + 1_000), within_s, "the driver to settle")

    def published_at(self) -> float:
        """When the last publication of gold was complete, in seconds since the epoch."""
        return (self.settings.checkpoints_dir / "progress" / f"{PUBLISH_STEP}.json").stat().st_mtime

    def rows(self, table: Table, column: str) -> list[Any]:
        """A column of a table as it is now."""
        found = DeltaTable(f"{self.settings.delta_root}/{table.path}").scan(columns=[column])
        values: list[Any] = pa.RecordBatchReader.from_stream(found).read_all()[column].to_pylist()
        return values

    @property
    def _checkpoint(self) -> Path:
        return self.settings.checkpoints_dir / BRONZE

    def _taken(self) -> dict[str, int]:
        done = [int(each.name) for each in (self._checkpoint / "commits").glob("[0-9]*")]
        if not done:
            return {}
        text = (self._checkpoint / "offsets" / str(max(done))).read_text("utf-8")
        positions = json.loads(text.strip().splitlines()[-1])
        return {f"{topic}:{number}": place for topic, parts in positions.items() for number, place in parts.items()}

    def _is_settled(self, since_ms: int) -> bool:
        beat = read_heartbeat(self.settings.run_dir, self.service)
        if beat is None or beat.at_ms < since_ms or beat.state != "running":
            return False
        lag: dict[str, int] = beat.detail.get("lag", {})
        return bool(lag) and not any(lag.values()) and not beat.detail["working"]

    def _wait(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        def holds() -> bool:
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise RuntimeError(f"the driver ended: {self.log.read_text('utf-8')[-2000:]}")
            return condition()

        if not wait_until(holds, within_s, poll_s=LOOK_EVERY_S):
            raise TimeoutError(f"waited {within_s:g} s for {what}: {self.log.read_text('utf-8')[-2000:]}")


@contextmanager
def running_driver(settings: Settings, name: str, *jobs: str) -> Iterator[Driver]:
    """Run the pipeline, or one job of it, with tables and checkpoints of its own in the folder `name`."""
    own = settings.model_copy(update={"home": settings.home / "drivers" / name})
    own.logs_dir.mkdir(parents=True)
    path = own.logs_dir / "spark.log"
    with path.open("wb") as log:
        command = [sys.executable, "-m", "spark.pipeline", *jobs]
        process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environment(own), stdout=log, stderr=log)
    service = f"spark-{jobs[0]}" if jobs else "spark"
    driver, done = Driver(own, service, psutil.Process(process.pid), path), threading.Event()
    sampler = threading.Thread(target=_sample, args=(driver, done), daemon=True)
    sampler.start()
    try:
        yield driver
    finally:
        done.set()
        sampler.join(END_WITHIN_S)
        end(process, END_WITHIN_S)


def _sample(driver: Driver, done: threading.Event) -> None:
    while not done.wait(SAMPLE_EVERY_S) and driver.process.is_running():
        driver.look_at_memory()


def environment(settings: Settings) -> dict[str, str]:
    """What makes a process of the lakehouse use `settings`' home, broker and registry."""
    return {
        **os.environ,
        "LAB_HOME": str(settings.home),
        "LAB_KAFKA_BOOTSTRAP": settings.bootstrap,
        "LAB_SCHEMA_REGISTRY": settings.registry_url,
        "LAB_PORT_OFFSET": "0",
        "LAB_PORT_SPARK_UI": str(settings.port("spark_ui")),
    }
