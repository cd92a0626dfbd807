"""The engine: what exists, what runs, and how both survive a restart. Its lock serialises statements."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
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
from ksql_engine.errors import KsqlError, NotReadyError, ShuttingDownError, StatementError
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
from ksql_engine.runtime.jobs import Job, sink_of
from ksql_engine.runtime.processing_log import CREATE_STREAM, LOG_STREAM, log_stream_statement
from ksql_engine.runtime.registry_client import RegistryClient
from ksql_engine.runtime.runner import LocalRunner, Runner, RunningQuery
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.state_folder import StateFolder
from ksql_engine.runtime.workers.pool import WorkerPool

_LOG = logging.getLogger(__name__)
_STOP_SECONDS: Final = 4.0
Start = tuple[Job, QueryPlan]


class Engine:
    """Sources and queries over one Kafka cluster. Public methods may be called from any thread, except as said."""

    def __init__(
        self, settings: EngineSettings, broker: Broker | None = None, registry: SubjectRegistry | None = None
    ) -> None:
        """Build the engine; `start` connects and brings queries back. `broker` is Kafka by default.

        Another broker is of this process alone, and so are the queries then.
        """
        self.settings = settings
        self.metastore = Metastore()
        self.functions = builtin_functions()
        self.registry = registry or (RegistryClient(settings.registry_url) if settings.registry_url else None)
        self.formats = StandardFormats(self.registry)
        self.broker = broker or KafkaBroker(settings)
        self.topics = self.broker.topics
        self.catalog = Catalog(settings.state_dir)
        self.lock = threading.RLock()
        self.tasks: dict[str, RunningQuery] = {}
        self.cluster_id = ""
        self.sequence = 0
        self.ready = False
        self.terminated = False
        self._folder = StateFolder(settings.state_dir)
        self._runner: Runner = (
            WorkerPool(settings)
            if settings.workers and broker is None
            else LocalRunner(settings, self.broker, self.formats)
        )
        self._stopping = threading.Event()
        self.inserter = Inserter(self.broker, self._stopping.is_set)

    def start(self) -> None:
        """Wait for the broker, check whose state this is, bring all sources and queries back.

        Raises StateMismatchError, StorageError, or NotReadyError when stopped meanwhile.
        """
        self._runner.start()
        self.cluster_id = self._wait_for_broker(self._prepare)
        with self.lock:
            starts: dict[str, Start] = {}
            queries: set[str] = set()
            for command in self.catalog.commands():
                self._replay(command, starts)
                queries.update(starts)
            for query_id in queries.difference(starts):
                self._clear(query_id)
            self._folder.remove_all_but(starts)
            self.tasks.update(self._runner.run(list(starts.values())))
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

    def _replay(self, command: Command, starts: dict[str, Start]) -> None:
        """Apply a command of an earlier run to the metastore, without touching Kafka."""
        self.sequence = command.sequence + 1
        properties = command.properties
        statement = parse_statement(command.statement, self.metastore.types)
        if isinstance(statement, CreateSource):
            source = plan_source(statement, self.metastore, properties)
            self._put_source(source)
            if command.query_id:
                starts[command.query_id] = self._materialising(source, command.query_id, statement.text, properties)
        elif isinstance(statement, (CreateAsSelect, InsertInto)) and command.query_id:
            owns_sink = isinstance(statement, CreateAsSelect)
            plan = self._plan(statement, properties)
            plan = plan.with_id(command.query_id) if owns_sink else plan
            starts[command.query_id] = self._start_of(command.query_id, plan, statement.text, properties)
            self._note_query(command.query_id, plan, statement.text, properties, owns_sink=owns_sink)
        elif isinstance(statement, AlterSource):
            self._put_source(plan_alter(statement, self.metastore))
        elif isinstance(statement, DropSource):
            for query_id in self._forget_source(statement.name):
                starts.pop(query_id, None)
        elif isinstance(statement, QueryControl):
            self._replay_control(statement, starts)
        elif isinstance(statement, CreateType):
            self.metastore.types[statement.name] = statement.type
        elif isinstance(statement, DropType):
            self.metastore.types.pop(statement.name, None)

    def _replay_control(self, statement: QueryControl, starts: dict[str, Start]) -> None:
        chosen = [statement.query_id] if statement.query_id else list(starts)
        for query_id in chosen:
            if statement.action == "TERMINATE":
                starts.pop(query_id, None)
                self.metastore.queries.pop(query_id, None)
            elif query_id in starts:
                job, plan = starts[query_id]
                starts[query_id] = (replace(job, paused=statement.action == "PAUSE"), plan)

    def _plan(self, statement: CreateAsSelect | InsertInto, properties: Mapping[str, str]) -> QueryPlan:
        if isinstance(statement, InsertInto):
            return plan_insert(statement, self.metastore, self.functions)
        return plan_create_as(statement, self.metastore, self.functions, properties)

    def _put_source(self, source: Source) -> None:
        self.metastore.sources[source.name] = source

    def _note_query(
        self, query_id: str, plan: QueryPlan, text: str, properties: Mapping[str, str], *, owns_sink: bool
    ) -> None:
        sink = sink_of(plan)
        if owns_sink:
            self._put_source(sink)
        self.metastore.queries[query_id] = QueryInfo(query_id, plan.sources, sink.name, text, dict(properties))

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
            start = self._materialising(self.metastore.source(source.name), query_id, text, properties)
            self.tasks.update(self._runner.run([start]))
        return query_id

    def _materialising(self, source: Source, query_id: str, text: str, properties: Mapping[str, str]) -> Start:
        """Note the query that keeps the rows of a SOURCE TABLE, and return how it is started."""
        plan = plan_materialising(source).with_id(query_id)
        start = self._start_of(query_id, plan, text, properties)
        self._note_query(query_id, plan, text, properties, owns_sink=True)
        return start

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
        sink = sink_of(plan)
        if owns_sink:
            left = self.topics.find(self.metastore.source(plan.sources[0]).topic)
            inherited = (left.partitions, left.replicas) if left else (1, 1)
            self.ensure_topic(sink, sink.partitions or inherited[0], sink.replicas or inherited[1])
        self._register_schemas(sink)
        start = self._start_of(query_id, plan, text, properties)
        old = self.tasks.get(query_id)
        if old is not None:
            check_shape(sink.name, old.plan, plan)
            self._stop_task(query_id, destroy=False)
        else:
            self._clear(query_id)
        self.record(text, query_id, properties)
        self._note_query(query_id, plan, text, properties, owns_sink=owns_sink)
        if owns_sink:
            self._learn_partitions([sink.name])
        self.tasks.update(self._runner.run([start]))

    def _register_schemas(self, sink: Source) -> None:
        """Register what the sink's formats need, so that a refusal is the statement's answer."""
        self.formats.writer(sink.key_format, sink.schema.key, True, f"{sink.topic}-key", sink.name)
        self.formats.writer(sink.value_format, sink.schema.value, False, f"{sink.topic}-value", sink.name)

    def _start_of(self, query_id: str, plan: QueryPlan, text: str, properties: Mapping[str, str]) -> Start:
        """Return what a process needs to run a query; called while what it refers to is as the plan saw it."""
        sources = [self.metastore.source(name) for name in plan.sources]
        reset = properties.get("auto.offset.reset", self.settings.auto_offset_reset)
        latest = tuple(source.topic for source in sources) if reset == "latest" else ()
        known = {source.name: source for source in [*sources, sink_of(plan)]}
        if sink_of(plan).query_id == query_id and sink_of(plan).name not in plan.sources:
            del known[sink_of(plan).name]  # it is made by this very statement
        types = dict(self.metastore.types)
        return Job(query_id, text, tuple(known.values()), types, dict(properties), latest), plan

    def _stop_task(self, query_id: str, destroy: bool) -> None:
        task = self.tasks.pop(query_id, None)
        if task is None:
            return
        task.end()
        if destroy:
            try:
                self._clear(query_id)
            except KafkaException as error:
                _LOG.warning("%s is ended, what it left is removed later: %s", query_id, error)

    def _clear(self, query_id: str) -> None:
        """Remove what an ended query left: one with its id begins anew. The folder goes last, as it tells of the rest.

        Raises KafkaException; what is left then is removed at the next start, or before the id is used again.
        """
        if self._folder.holds(query_id):
            self.topics.forget_group(self.settings.group_id(query_id))
            self._folder.remove(query_id)

    def drop_source(self, statement: DropSource) -> None:
        """Remove a source, its query, and its topic and schemas where asked. The caller holds the lock."""
        source = self.metastore.source(statement.name)
        self.record(statement.text)
        for query_id in self._forget_source(statement.name):
            self._stop_task(query_id, destroy=True)
        if statement.delete_topic:
            self.topics.delete(source.topic)
            self.delete_subjects(source)

    def delete_subjects(self, source: Source) -> None:
        """Remove the schemas of a source's topic from the registry."""
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
        self._runner.stop(_STOP_SECONDS)
        self.inserter.close()

    def check_ready(self) -> None:
        """Raise NotReadyError before `start` is done and after `stop` began, ShuttingDownError once terminated."""
        if self.terminated:
            raise ShuttingDownError("The server is shutting down")
        if not self.ready:
            raise NotReadyError("KSQL is not yet ready to serve requests.")

    @property
    def healthy(self) -> Mapping[str, bool]:
        """Return the health of each part by name."""
        return {"metastore": True, "kafka": self.ready, "commandRunner": self.ready}


def describe_failure(error: KafkaException | KsqlError) -> str:
    """Return a message for the user."""
    if isinstance(error, KafkaException):
        return f"Kafka: {error.args[0].str()}"
    return str(error)
