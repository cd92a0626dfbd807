"""One Spark driver with the steps it runs: builds everything once, watches it, ends it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psutil
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from contracts.model import Lab, Table, Topic
from contracts.schemas import load_schema
from contracts.settings import Settings
from spark.runtime.advance import Stepper
from spark.runtime.bronze import BronzeWriter, UnknownIdNotes, bronze_schemas
from spark.runtime.caretaker import Caretaker
from spark.runtime.desk import Desk
from spark.runtime.errors import DependencyDown, LakehouseError, Stopping
from spark.runtime.ingestion import Ingestion, checkpoint_folder, offsets_of, offsets_taken, patiently
from spark.runtime.inspection import Inspector
from spark.runtime.kafka import Broker, KafkaSink
from spark.runtime.locks import TableLocks
from spark.runtime.progress import FOLDER, Progress, needs_of
from spark.runtime.readers import Readers
from spark.runtime.registry import SchemaIds
from spark.runtime.report import Report, say
from spark.runtime.session import jvm_is_alive, jvm_pid, start_session
from spark.runtime.state import LakehouseState
from spark.runtime.steps import Ingest, Inspect, Publish, Step, columns_written, tables_read, tables_written
from spark.runtime.tables import Tables, columns_of
from spark.runtime.turns import LOOK_AGAIN_S, Quiet, StepThread, Wakers, wait_for_all
from spark.runtime.upkeep import Upkeep

BEAT_EVERY_S = 3.0
LOOK_AT_JVM_EVERY_S = 1.0
END_WITHIN_S = 5.0
JVM_END_WITHIN_S = 3.0
POLL_OTHERS_S = 1.0
"""How often a job that runs alone looks at tables which another process writes."""
COMMITS_AT_ONCE = 4
EXIT_STOPPED, EXIT_JVM_GONE = 0, 70


class Driver:
    """Runs `steps` of `lab` until `stop` is set. `name` is the service in the heartbeat."""

    def __init__(self, settings: Settings, lab: Lab, steps: tuple[Step, ...], name: str, stop: threading.Event) -> None:
        self._settings = settings
        self._lab = lab
        self._steps = steps
        self._stop = stop
        self._report = Report(settings.run_dir, name)
        self._locks = TableLocks(settings.run_dir, name)
        self._state = LakehouseState(settings.checkpoints_dir)
        self._broker = Broker(settings, _topics(steps))
        self._quiet, self._wakers = Quiet(), Wakers()
        self._ingestions: list[Ingestion] = []
        self._threads: list[StepThread] = []
        self._beater = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def run(self) -> int:
        """Start, watch, end; the process's exit code.

        Raises:
            TableBusy, StateRefused, ClusterMismatch: this process must not write here.
        """
        self._locks.acquire(tables_written(self._steps))
        self._beater.start()
        spark = start_session(self._settings, "lakehouse")
        try:
            self._locks.name_jvm(jvm_pid())
            self._start(spark)
            self._report.running()
            say(f"{len(self._steps)} steps are up")
            return self._watch()
        except Stopping:
            return EXIT_STOPPED
        finally:
            self._end()

    def _start(self, spark: SparkSession) -> None:
        """Check the stored state, make what is missing, start a thread per step."""
        tables = Tables(spark, self._settings.delta_root)
        checkpoint_id = self._state.claim(self._cluster_id())
        self._state.ensure(tables, self._schemas(spark))
        self._check_inputs(tables)
        written = set(tables_written(self._steps))
        for step in self._steps:
            if isinstance(step, Ingest):
                self._ingestions.append(self._ingestion(spark, step, tables, checkpoint_id))
                continue
            progress = Progress(self._settings.checkpoints_dir / FOLDER, step.name)
            stepper = (
                Inspector(step, tables, progress)
                if isinstance(step, Inspect)
                else Stepper(step, tables, progress, KafkaSink(self._settings))
            )
            polls_s = LOOK_AGAIN_S if written.issuperset(tables_read(step)) else POLL_OTHERS_S
            self._threads.append(self._thread(stepper, polls_s))
        for thread in (*self._ingestions, *self._threads, *self._upkeep(tables)):
            thread.start()

    def _upkeep(self, tables: Tables) -> tuple[Upkeep, ...]:
        """The thread that keeps the tables small; where an object store has them, their writers compact them."""
        if not tables.in_folder:
            return ()
        caretaker = Caretaker(
            self._settings.delta_root, tables.turn, needs_of(self._settings.checkpoints_dir, self._steps)
        )
        return (
            Upkeep(
                tables_written(self._steps),
                caretaker,
                Desk(self._settings.run_dir),
                commits=tables.commits,
                quiet=self._quiet,
                report=self._report,
                stop=self._stop,
            ),
        )

    def _thread(self, stepper: Stepper | Inspector, polls_s: float) -> StepThread:
        return StepThread(
            stepper, self._wakers, quiet=self._quiet, report=self._report, stop=self._stop, polls_s=polls_s
        )

    def _ingestion(self, spark: SparkSession, step: Ingest, tables: Tables, checkpoint_id: str) -> Ingestion:
        folder = checkpoint_folder(self._settings, step.name)
        folder.mkdir(parents=True, exist_ok=True)
        writer = BronzeWriter(
            step=step,
            readers=self._readers(step),
            tables=tables,
            schema_ids=SchemaIds(self._settings.registry_url),
            checkpoint_id=checkpoint_id,
            notes=UnknownIdNotes(folder),
            pool=ThreadPoolExecutor(COMMITS_AT_ONCE, thread_name_prefix=step.name),
            patiently=patiently(self._report, self._stop, "registry"),
            committed=self._wakers.committed,
            offsets_of=partial(offsets_of, folder),
        )
        return Ingestion(spark, self._settings, writer, quiet=self._quiet, report=self._report, stop=self._stop)

    def _readers(self, step: Ingest) -> Readers:
        declared = {source.topic: load_schema(self._lab, source.topic) for source in step.sources}
        return Readers(checkpoint_folder(self._settings, step.name), declared)

    def _schemas(self, spark: SparkSession) -> dict[Table, StructType]:
        """The columns of every table the steps write."""
        found: dict[Table, StructType] = {}
        for step in self._steps:
            if isinstance(step, Ingest):
                found |= bronze_schemas(spark, step, self._readers(step).texts)
            elif not isinstance(step, Publish):
                found[step.writes] = columns_of(columns_written(step))
        return found

    def _check_inputs(self, tables: Tables) -> None:
        """Tables that another process writes must be there."""
        for step in self._steps:
            for table in () if isinstance(step, Ingest) else tables_read(step):
                if not tables.exists(table):
                    raise LakehouseError(
                        f"step {step.name} reads table {table.full_name}, which does not exist yet; "
                        f"job {table.writer} makes it"
                    )

    def _cluster_id(self) -> str:
        """The broker's cluster id, waited for."""
        pause = 0.5
        while not self._stop.is_set():
            try:
                found = self._broker.cluster_id()
            except DependencyDown as error:
                self._report.trouble("broker", str(error))
                self._stop.wait(pause)
                pause = min(pause * 2, BEAT_EVERY_S)
                continue
            self._report.trouble("broker", None)
            return found
        raise Stopping("asked to stop while waiting for Kafka")

    def _watch(self) -> int:
        """Wait until asked to stop, or until the JVM is gone: then nothing here can go on."""
        while not self._stop.wait(LOOK_AT_JVM_EVERY_S):
            if not jvm_is_alive():
                say("the JVM is gone")
                return EXIT_JVM_GONE
        return EXIT_STOPPED

    def _beat(self) -> None:
        """Beat as long as the process lives, whatever it waits for. `working` names the steps with rows to take in."""
        while True:
            working = [thread.name for thread in self._threads if thread.has_work]
            self._report.beat(**self._lag(), working=working)
            self._stop.wait(BEAT_EVERY_S)
            if self._stop.is_set():
                return

    def _lag(self) -> dict[str, Any]:
        """Records not yet in bronze per partition, and versions not yet taken in per step."""
        if not self._threads and not self._ingestions:
            return {}
        try:
            ends = self._broker.ends()
        except DependencyDown as error:
            self._report.trouble("broker", str(error))
            return {}
        self._report.trouble("broker", None)
        taken: dict[str, int] = {}
        for each in self._ingestions:
            taken |= offsets_taken(each.folder)
        read = {topic.name for step in self._steps if isinstance(step, Ingest) for topic in step.reads}
        return {
            "lag": {
                name: last - max(first, taken.get(name, 0))
                for name, (first, last) in ends.items()
                if name.rpartition(":")[0] in read
            }
        }

    def _end(self) -> None:
        """Stop the threads, then the JVM. Whatever is cut off comes again after the next start."""
        self._stop.set()
        self._wakers.wake_all()
        if jvm_is_alive():
            enders = [threading.Thread(target=each.end, daemon=True) for each in self._ingestions]
            for ender in enders:
                ender.start()
            wait_for_all([*self._threads, *enders], END_WITHIN_S)
            _end_process(jvm_pid())
        self._broker.close()


def _end_process(pid: int) -> None:
    """End the JVM: politely, then not."""
    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(JVM_END_WITHIN_S)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _topics(steps: tuple[Step, ...]) -> tuple[Topic, ...]:
    """The topics the steps read and write."""
    found: list[Topic] = []
    for step in steps:
        if isinstance(step, Ingest):
            found.extend(step.reads)
        elif isinstance(step, Publish):
            found.append(step.topic)
    return tuple(found)
