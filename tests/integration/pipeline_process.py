"""The lakehouse's driver as a process of its own, with a home, and what a test asks of its tables."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow as pa
from deltalake import DeltaTable

from contracts.heartbeat import read_heartbeat
from contracts.marketing import MARKETING
from contracts.model import Table
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.stack.trial import trial_lab
from tests.waiting import eventually

UP_WITHIN_S, SETTLED_WITHIN_S = 240.0, 300.0
PIPELINE = "spark.pipeline"


class PipelineProcess:
    """`python -m spark.pipeline`, or another module with steps, with a home of its own."""

    def __init__(self, settings: Settings, module: str = PIPELINE) -> None:
        self.settings = settings
        self._command = [sys.executable, "-m", module]
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            **os.environ,
            "LAB_HOME": str(settings.home),
            "LAB_KAFKA_BOOTSTRAP": settings.bootstrap,
            "LAB_SCHEMA_REGISTRY": settings.registry_url,
            "LAB_PORT_OFFSET": "0",
            "LAB_PORT_SPARK_UI": str(settings.port_spark_ui),
            "LAB_SPARK_HEAP_MB": "768",
        }

    def start(self) -> None:
        self.settings.logs_dir.mkdir(parents=True, exist_ok=True)
        log = (self.settings.logs_dir / "spark.log").open("ab")
        self._process = subprocess.Popen(
            self._command, cwd=PROJECT_DIR, env=self.environment(), stdout=log, stderr=log, start_new_session=True
        )
        eventually(self.is_up, UP_WITHIN_S, "the pipeline is up")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def jvm(self) -> psutil.Process:
        return next(each for each in psutil.Process(self.pid).children(recursive=True) if each.name() == "java")

    def is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.settings.logs_dir / "spark.log").read_text("utf-8")[-3000:]
        beat = read_heartbeat(self.settings.run_dir, "spark")
        return beat is not None and beat.pid == self.pid and beat.state == "running"

    def is_settled(self, since_ms: int) -> bool:
        """Everything published before `since_ms` is taken in, by a heartbeat made well after it."""
        beat = read_heartbeat(self.settings.run_dir, "spark")
        if beat is None or beat.pid != self.pid or beat.at_ms < since_ms + 1_000 or beat.state != "running":
            return False
        lag: dict[str, int] = beat.detail.get("lag", {})
        return bool(lag) and not any(lag.values()) and not beat.detail["working"]

    def settle(self) -> None:
        asked_at_ms = time.time_ns() // 1_000_000
        eventually(lambda: self.is_settled(asked_at_ms), SETTLED_WITHIN_S, "everything is taken in")

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(30)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(15)


@contextmanager
def running(process: PipelineProcess) -> Iterator[PipelineProcess]:
    """The process, up, and ended with the block."""
    try:
        process.start()
        yield process
    finally:
        process.stop()


def rows(settings: Settings, table: Table, **having: object) -> list[dict[str, object]]:
    found = pa.table(DeltaTable(f"{settings.delta_root}/{table.path}").scan().read_all()).to_pylist()
    return [row for row in found if all(row[name] == value for name, value in having.items())]


@contextmanager
def lakehouse_of_its_own(home: Path) -> Iterator[Settings]:
    """A broker and a registry of its own, with the lab's topics and schemas: for tests that register others."""
    with trial_lab(home, MARKETING, ["kafka", "registry"], print) as lab:
        ensure_topics(lab.settings, MARKETING)
        ensure_schemas(lab.settings, MARKETING)
        yield lab.settings
