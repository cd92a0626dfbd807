"""Keeps the Kafka → bronze query going: started, restarted with back-off after a failure, stopped."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts.origin import Offsets
from contracts.settings import Settings
from spark.runtime.bronze import BronzeWriter
from spark.runtime.errors import DependencyDown, Stopping
from spark.runtime.kafka import read_stream
from spark.runtime.report import Report, in_short
from spark.runtime.turns import Quiet

LOOK_EVERY = "200 milliseconds"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0


class Ingestion(threading.Thread):
    """The streaming query of one ingest step, in a thread that restarts it."""

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        writer: BronzeWriter,
        *,
        quiet: Quiet,
        report: Report,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=writer.step.name, daemon=True)
        self._spark = spark
        self._settings = settings
        self._writer = writer
        self._quiet = quiet
        self._report = report
        self._stop_asked = stop
        self._query: StreamingQuery | None = None
        self._why = ""

    @property
    def folder(self) -> Path:
        """The query's checkpoint."""
        return checkpoint_folder(self._settings, self._writer.step.name)

    def run(self) -> None:
        """Keep the query going until the process is to stop."""
        pause = FIRST_PAUSE_S
        while not self._stop_asked.is_set():
            started, self._why = time.monotonic(), ""
            try:
                self._query = self._start()
                self._query.awaitTermination()
            except Exception as error:  # noqa: BLE001,RUF100 - the checkpoint knows where to go on, whatever failed
                if self._stop_asked.is_set():
                    return
                self._report.trouble(self.name, self._why or in_short(error))
            pause = FIRST_PAUSE_S if time.monotonic() - started > 60 else min(pause * 2, LONGEST_PAUSE_S)
            self._stop_asked.wait(pause)

    def end(self) -> None:
        """Stop the query; a batch under way comes again after the next start."""
        if self._query is not None and self._query.isActive:
            self._query.stop()

    def _start(self) -> StreamingQuery:
        stream = read_stream(self._spark, self._settings, self._writer.step.reads)
        query = stream.writeStream.queryName(self.name).option("checkpointLocation", str(self.folder))
        return query.trigger(processingTime=LOOK_EVERY).foreachBatch(self._write).start()

    def _write(self, records: DataFrame, batch_id: int) -> None:
        started = time.monotonic()
        try:
            with self._quiet.busy():
                rows = self._writer.write(records, batch_id)
        except Exception as error:
            # On its way through the JVM the reason drowns in stack traces.
            self._why = in_short(error)
            raise
        self._report.trouble(self.name, None)
        self._report.turn(self.name, rows, time.monotonic() - started)


def checkpoint_folder(settings: Settings, step: str) -> Path:
    """Where the query of `step` keeps its offsets."""
    return settings.checkpoints_dir / step


def offsets_taken(folder: Path) -> dict[str, int]:
    """The next offset per "topic:partition" of the last finished batch of the query with this checkpoint."""
    done = [int(file.name) for file in (folder / "commits").glob("[0-9]*")]
    if not done:
        return {}
    topics = _ends(folder, max(done))
    return {f"{topic}:{number}": offset for topic, parts in topics.items() for number, offset in parts.items()}


def offsets_of(folder: Path, batch_id: int) -> Offsets:
    """What batch `batch_id` of the query with this checkpoint takes in; partitions without news are left out."""
    ends, starts = _ends(folder, batch_id), _ends(folder, batch_id - 1)
    found = {
        topic: {
            number: (starts.get(topic, {}).get(number, 0), end)
            for number, end in parts.items()
            if end > starts.get(topic, {}).get(number, 0)
        }
        for topic, parts in ends.items()
    }
    return {topic: parts for topic, parts in found.items() if parts}


def _ends(folder: Path, batch_id: int) -> dict[str, dict[str, int]]:
    """The next offset per topic and partition after the batch, as it was planned; nothing before the first."""
    file = folder / "offsets" / str(batch_id)
    if not file.exists():
        return {}
    found: dict[str, dict[str, int]] = json.loads(file.read_text("utf-8").strip().splitlines()[-1])
    return found


def patiently(report: Report, stop: threading.Event, who: str) -> Callable[[Callable[[], set[int]]], set[int]]:
    """A way to call something again and again until what it depends on answers."""

    def call(action: Callable[[], set[int]]) -> set[int]:
        pause = 0.5
        while not stop.is_set():
            try:
                found = action()
            except DependencyDown as error:
                report.trouble(who, str(error))
                stop.wait(pause)
                pause = min(pause * 2, 5.0)
                continue
            report.trouble(who, None)
            return found
        raise Stopping("asked to stop while waiting")

    return call
