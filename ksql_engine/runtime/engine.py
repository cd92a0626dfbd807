"""The engine: what exists, what runs, and how both survive a restart. Its lock serialises statements."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import (
    AlterSource,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DropSource,
    DropType,
    InsertInto,
    QueryControl,
)
from ksql_engine.errors import KsqlError, NotReadyError, StatementError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.plan.config import flag
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.materialise import materialises, plan_materialising
from ksql_engine.plan.metastore import Metastore, QueryInfo
from ksql_engine.plan.model import STREAM, QueryPlan, Source
from ksql_engine.plan.replace import plan_alter
from ksql_engine.plan.shape import check_shape
from ksql_engine.plan.sources import plan_create_as, plan_insert
from ksql_engine.runtime.broker import Broker, KafkaBroker, SubjectRegistry
from ksql_engine.runtime.catalog import Catalog, Command
from ksql_engine.runtime.inserting import Inserter
from ksql_engine.runtime.processing_log import CREATE_STREAM, LOG_STREAM, log_stream_statement
from ksql_engine.runtime.query_task import QueryParts, QueryTask
from ksql_engine.runtime.registry_client import RegistryClient
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.state.rocks import RocksState, shared_cache

_LOG = logging.getLogger(__name__)
_STOP_SECONDS: Final = 4.0
_REPLACE_SECONDS: Final = 20.0


class Engine:
    """Sources and queries over one Kafka cluster. Public methods may be called from any thread, except as said."""

    def __init__(
        self, settings: EngineSettings, broker: Broker | None = None, registry: SubjectRegistry | None = None
    ) -> None:
        """Build the engine; `start` connects and brings queries back. `broker` is Kafka by default."""
        self.settings = settings
        self.metastore = Metastore()
        self.functions = builtin_functions()
        self.registry = registry or (RegistryClient(settings.registry_url) if settings.registry_url else None)
        self.formats = StandardFormats(self.registry)
        self.broker = broker or KafkaBroker(settings)
        self.topics = self.broker.topics
        self.catalog = Catalog(settings.state_dir)
        self.lock = threading.RLock()
        self.tasks: dict[str, QueryTask] = {}
        self.cluster_id = ""
        self.sequence = 0
        self.ready = False
        self._cache = shared_cache()
        self._stopping = threading.Event()
        self.inserter = Inserter(self.broker, self._stopping.is_set)

    def start(self) -> None:
        """Wait for the broker, check whose state this is, bring all sources and queries back.

        Raises StateMismatchError, StorageError, or NotReadyError when stopped meanwhile.
        """
        self.cluster_id = self._wait_for_broker(self._prepare)
        with self.lock:
            plans: dict[str, QueryPlan] = {}
            properties: dict[str, dict[str, str]] = {}
            paused: set[str] = set()
            for command in self.catalog.commands():
                self._replay(command, plans, paused)
                if command.query_id:
                    properties[command.query_id] = command.properties
            for query_id, plan in plans.items():
                self._run(query_id, plan, properties.get(query_id, {}), start=False)
                if query_id in paused:
                    self.tasks[query_id].pause()
                self.tasks[query_id].start()
            self._remove_left_over_state()
            self._learn_partitions(list(self.metastore.sources))
            self._create_log_stream()
            self.ready = True
        _LOG.info("ready: %d sources, %d queries", len(self.metastore.sources), len(self.tasks))

    def _create_log_stream(self) -> None:
        """Make the processing log a stream, where the server is set so and there is none yet."""
        if not flag(self.settings.properties, CREATE_STREAM, False) or LOG_STREAM in self.metastore.sources:
            return
        text = log_stream_statement(self.settings.processing_log_topic)
        statement = parse_statement(text)
        if isinstance(statement, CreateSource):
            self.create_source(text, plan_source(statement, self.metastore), {})

    def _prepare(self) -> str:
        """Check whose state this is and make the processing log's topic; return the cluster's id."""
        cluster_id = self.topics.cluster_id(timeout=5.0)
        self.catalog.check_cluster(cluster_id)
        self.topics.ensure(self.settings.processing_log_topic, 1, 1, {"retention.ms": "86400000"})
        return cluster_id

    def _wait_for_broker(self, prepare: Callable[[], str]) -> str:
        while not self._stopping.is_set():
            try:
                return prepare()
            except KafkaException as error:
                _LOG.warning("waiting for Kafka at %s: %s", self.settings.bootstrap, error)
                self._stopping.wait(0.5)
        raise NotReadyError("stopped while waiting for Kafka")

    def _replay(self, command: Command, plans: dict[str, QueryPlan], paused: set[str]) -> None:
        """Apply a command of an earlier run to the metastore, without touching Kafka."""
        self.sequence = command.sequence + 1
        statement = parse_statement(command.statement, self.metastore.types)
        if isinstance(statement, CreateSource):
            source = plan_source(statement, self.metastore, command.properties)
            self._put_source(source)
            if command.query_id:
                plans[command.query_id] = self._materialising(source, command.query_id, statement.text)
        elif isinstance(statement, (CreateAsSelect, InsertInto)) and command.query_id:
            plan = self._plan(statement, command.properties).with_id(command.query_id)
            self._note_query(command.query_id, plan, statement.text, isinstance(statement, CreateAsSelect))
            plans[command.query_id] = plan
        elif isinstance(statement, AlterSource):
            self._put_source(plan_alter(statement, self.metastore))
        elif isinstance(statement, DropSource):
            for query_id in self._forget_source(statement.name):
                plans.pop(query_id, None)
        elif isinstance(statement, QueryControl):
            self._replay_control(statement, plans, paused)
        elif isinstance(statement, CreateType):
            self.metastore.types[statement.name] = statement.type
        elif isinstance(statement, DropType):
            self.metastore.types.pop(statement.name, None)

    def _replay_control(self, statement: QueryControl, plans: dict[str, QueryPlan], paused: set[str]) -> None:
        chosen = [statement.query_id] if statement.query_id else list(plans)
        for query_id in chosen:
            if statement.action == "PAUSE":
                paused.add(query_id)
            elif statement.action == "RESUME":
                paused.discard(query_id)
            else:
                plans.pop(query_id, None)
                self.metastore.queries.pop(query_id, None)

    def _plan(self, statement: CreateAsSelect | InsertInto, properties: Mapping[str, str]) -> QueryPlan:
        if isinstance(statement, InsertInto):
            return plan_insert(statement, self.metastore, self.functions)
        return plan_create_as(statement, self.metastore, self.functions, properties)

    def _put_source(self, source: Source) -> None:
        self.metastore.sources[source.name] = source

    def _note_query(self, query_id: str, plan: QueryPlan, text: str, owns_sink: bool) -> None:
        sink = _sink_of(plan)
        if owns_sink:
            self._put_source(sink)
        self.metastore.queries[query_id] = QueryInfo(query_id, plan.sources, sink.name, text)

    def _forget_source(self, name: str) -> list[str]:
        """Remove a source with the query that writes it; return the ids of removed queries."""
        source = self.metastore.sources.pop(name, None)
        if source is None or source.query_id is None:
            return []
        self.metastore.queries.pop(source.query_id, None)
        return [source.query_id]

    def record(self, statement: str, query_id: str | None = None, properties: Mapping[str, str] | None = None) -> int:
        """Write a command to the log and return its number; the caller holds the lock."""
        number = self.sequence
        self.catalog.append(Command(number, statement, query_id, dict(properties or {})))
        self.sequence += 1
        return number

    def create_source(self, text: str, source: Source, properties: Mapping[str, str]) -> str | None:
        """Make a declared source: its topic where asked, its schemas, then the source. The caller holds the lock.

        `text` is the statement with all its columns. Returns the id of the query behind a SOURCE TABLE, else None.
        Raises StatementError when the topic is missing and PARTITIONS is not given.
        """
        found = self.topics.find(source.topic)
        if found is None and source.partitions is None:
            raise StatementError(
                f"Topic '{source.topic}' does not exist. If you want to create a new topic for the stream/table please "
                f"re-run the statement providing the required 'PARTITIONS' configuration in the WITH clause (and "
                f"optionally 'REPLICAS'). For example: CREATE {source.kind} {source.name} ... WITH "
                f"(KAFKA_TOPIC='{source.topic}', PARTITIONS=1, REPLICAS=1);"
            )
        if source.partitions is not None:
            self.ensure_topic(source, source.partitions, source.replicas or 1)
        self.formats.register_new(source)
        query_id = f"CST_{source.name}_{self.sequence}" if materialises(source) else None
        self.record(text, query_id, properties)
        self._put_source(source)
        self._learn_partitions([source.name])
        if query_id is not None:
            plan = self._materialising(self.metastore.source(source.name), query_id, text)
            self._run(query_id, plan, properties, start=True)
        return query_id

    def _materialising(self, source: Source, query_id: str, text: str) -> QueryPlan:
        """Note the query that keeps the rows of a SOURCE TABLE, and return its plan."""
        plan = plan_materialising(source).with_id(query_id)
        self._note_query(query_id, plan, text, owns_sink=True)
        return plan

    def _learn_partitions(self, names: Iterable[str]) -> None:
        """Note how many partitions the topics of these sources have: a join needs the same number on both sides."""
        counts = {topic.name: topic.partitions for topic in self.topics.all()}
        for name in names:
            source = self.metastore.sources[name]
            self._put_source(replace(source, partitions=counts.get(source.topic, source.partitions)))

    def ensure_topic(self, source: Source, partitions: int, replicas: int) -> None:
        """Create the topic of a source unless it is there: compacted for tables, deleting for streams."""
        windowed = source.window is not None and source.query_id is not None
        policy = "delete" if source.kind == STREAM else "compact,delete" if windowed else "compact"
        config = {"cleanup.policy": policy}
        if source.retention_ms is not None:
            config["retention.ms"] = str(source.retention_ms)
        self.topics.ensure(source.topic, partitions, replicas, config)

    def create_query(
        self, text: str, plan: QueryPlan, query_id: str, *, owns_sink: bool, properties: Mapping[str, str]
    ) -> None:
        """Make a query's sink topic and schemas, note it for good, and run it. The caller holds the lock."""
        plan = plan.with_id(query_id) if owns_sink else plan
        sink = _sink_of(plan)
        if owns_sink:
            left = self.topics.find(self.metastore.source(plan.sources[0]).topic)
            inherited = (left.partitions, left.replicas) if left else (1, 1)
            self.ensure_topic(sink, sink.partitions or inherited[0], sink.replicas or inherited[1])
        self._register_schemas(sink)
        old = self.tasks.get(query_id)
        if old is not None:
            check_shape(sink.name, old.parts.plan, plan)
            self._stop_task(query_id, destroy=False)
        self.record(text, query_id, properties)
        self._note_query(query_id, plan, text, owns_sink)
        if owns_sink:
            self._learn_partitions([sink.name])
        self._run(query_id, plan, properties, start=True)

    def _register_schemas(self, sink: Source) -> None:
        """Register what the sink's formats need, so that a refusal is the statement's answer."""
        self.formats.writer(sink.key_format, sink.schema.key, True, f"{sink.topic}-key", sink.name)
        self.formats.writer(sink.value_format, sink.schema.value, False, f"{sink.topic}-value", sink.name)

    def _run(self, query_id: str, plan: QueryPlan, properties: Mapping[str, str], start: bool) -> None:
        parts = QueryParts(
            query_id,
            plan,
            _sink_of(plan),
            self.metastore.queries[query_id].statement,
            self._from_latest(plan, properties),
            self._cached(properties),
        )
        task = QueryTask(parts, self.settings, self.broker, self.formats, self._state_opener(query_id))
        self.tasks[query_id] = task
        if start:
            task.start()

    def _from_latest(self, plan: QueryPlan, properties: Mapping[str, str]) -> tuple[str, ...]:
        reset = properties.get("auto.offset.reset", self.settings.auto_offset_reset)
        if reset != "latest":
            return ()
        return tuple(self.metastore.source(name).topic for name in plan.sources)

    @staticmethod
    def _cached(properties: Mapping[str, str]) -> bool:
        size = properties.get("cache.max.bytes.buffering", properties.get("statestore.cache.max.bytes", "1"))
        return str(size) != "0"

    def _state_opener(self, query_id: str) -> Callable[[], RocksState]:
        folder = self._state_folder(query_id)
        return lambda: RocksState(folder, self._cache)

    def _state_folder(self, query_id: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "_-" else f"%{ord(c):x}" for c in query_id)
        return self.settings.state_dir / "queries" / safe

    def _remove_left_over_state(self) -> None:
        """Remove state of queries that are gone: a crash can come between the log entry and the removal."""
        known = {self._state_folder(query_id) for query_id in self.tasks}
        folder = self.settings.state_dir / "queries"
        for path in folder.iterdir() if folder.is_dir() else ():
            if path not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _stop_task(self, query_id: str, destroy: bool) -> None:
        task = self.tasks.pop(query_id, None)
        if task is None:
            return
        task.signal_stop()
        task.join(_REPLACE_SECONDS)
        if destroy:
            shutil.rmtree(self._state_folder(query_id), ignore_errors=True)

    def drop_source(self, statement: DropSource) -> None:
        """Remove a source, its query, and its topic and schemas where asked. The caller holds the lock."""
        source = self.metastore.source(statement.name)
        self.record(statement.text)
        for query_id in self._forget_source(statement.name):
            self._stop_task(query_id, destroy=True)
        if statement.delete_topic:
            self.topics.delete(source.topic)
            self._delete_subjects(source)

    def _delete_subjects(self, source: Source) -> None:
        if self.registry is None:
            return
        for spec, part in ((source.key_format, "key"), (source.value_format, "value")):
            if spec.name == "AVRO":
                self.registry.delete(f"{source.topic}-{part}")

    def terminate(self, query_id: str) -> None:
        """End a query and remove its state; its source stays. The caller holds the lock and has logged it."""
        self.metastore.queries.pop(query_id, None)
        self._stop_task(query_id, destroy=True)

    def stop(self) -> None:
        """Finish the batches in hand, commit, close all state; gives up what takes longer than some seconds."""
        self.ready = False
        self._stopping.set()
        with self.lock:
            for task in self.tasks.values():
                task.signal_stop()
            deadline = time.monotonic() + _STOP_SECONDS
            for task in self.tasks.values():
                task.join(max(deadline - time.monotonic(), 0.05))
        self.inserter.close()

    def check_ready(self) -> None:
        """Raise NotReadyError before `start` is done and after `stop` began."""
        if not self.ready:
            raise NotReadyError("KSQL is not yet ready to serve requests.")

    @property
    def healthy(self) -> Mapping[str, bool]:
        """Return the health of each part by name."""
        return {"metastore": True, "kafka": self.ready, "commandRunner": self.ready}


def _sink_of(plan: QueryPlan) -> Source:
    if plan.sink is None:
        raise StatementError("a persistent query needs a sink")
    return plan.sink


def describe_failure(error: KafkaException | KsqlError) -> str:
    """Return a message for the user."""
    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    return str(error)
