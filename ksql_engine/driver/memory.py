"""Queries over topics in memory: the server's planner and operators, one record at a time, no cache, no Kafka."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.parser import parse_statement, split_with_places
from ksql_engine.dialect.statements import (
    AlterSource,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DropSource,
    DropType,
    InsertInto,
    InsertValues,
    SetProperty,
)
from ksql_engine.errors import SchemaNotFoundError, SerializationError, StatementError
from ksql_engine.formats.base import RegisteredSchema
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.endpoints import Encode, Message, encoder
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.config import NO_CONFIG, Config
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.drop import plan_drop
from ksql_engine.plan.inference import check_sink_schemas, infer_columns
from ksql_engine.plan.insert_values import InsertedRow, plan_insert_values
from ksql_engine.plan.metastore import Metastore, QueryInfo
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.replace import check_free, plan_alter
from ksql_engine.plan.sources import plan_create_as, plan_insert
from ksql_engine.state.store import MemoryState
from ksql_engine.types import Row


class MemoryRegistry:
    """A schema registry of one process."""

    def __init__(self) -> None:
        """Start empty."""
        self._schemas: dict[int, Any] = {}
        self._subjects: dict[str, int] = {}

    def schema_by_id(self, schema_id: int) -> Any:
        """Return a schema. Raises SchemaNotFoundError."""
        if schema_id not in self._schemas:
            raise SchemaNotFoundError(f"Schema {schema_id} not found")
        return self._schemas[schema_id]

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest schema of a subject, or None."""
        schema_id = self._subjects.get(subject)
        return None if schema_id is None else RegisteredSchema(schema_id, self._schemas[schema_id])

    def register(self, subject: str, schema: dict[str, Any] | str, schema_id: int | None = None) -> int:
        """Keep a schema, with its id when one is given, and return its id; an equal one has the same id."""
        plain = json.loads(json.dumps(schema))
        known = next((number for number, held in self._schemas.items() if held == plain), None)
        number = schema_id or known or max(self._schemas, default=0) + 1
        self._schemas[number] = plain
        self._subjects[subject] = number
        return number


class _RunningQuery:
    """A query with its operators and where its result goes."""

    def __init__(self, query_id: str, plan: QueryPlan, driver: TopicDriver) -> None:
        assert plan.sink is not None  # noqa: S101 - only persistent queries are made here
        self.query_id = query_id
        self._driver = driver
        self._encode: Encode = encoder(plan.sink, driver.formats)
        self.pipeline = Pipeline(
            plan, driver.formats, MemoryState(), Outputs(self._emit, driver.report, self._rejected)
        )

    def _emit(self, key: Row, value: Row | None, time: int) -> None:
        try:
            self._driver.append(self._encode(key, value, time, self.pipeline.headers))
        except SerializationError as error:
            self._driver.report("serialization", error)

    def _rejected(self, message: Message, source: str, error: Exception) -> None:
        self._driver.report(f"{source}: {message.topic}", error)


class TopicDriver:
    """Statements and topics in memory. `log` holds what could not be read or computed."""

    def __init__(self, config: Config = NO_CONFIG) -> None:
        """Start without sources; `config` are the properties that every statement has."""
        self.config = dict(config)
        self.metastore = Metastore()
        self.functions = builtin_functions()
        self.registry = MemoryRegistry()
        self.formats = StandardFormats(self.registry)
        self.topics: dict[str, list[Message]] = {}
        self.log: list[str] = []
        self._queries: list[_RunningQuery] = []
        self._sequence = 0

    def execute(self, text: str) -> None:
        """Run CREATE, INSERT INTO .. SELECT and DROP statements. Raises StatementError."""
        for one, place in split_with_places(text):
            self._one(one, place)
            self._sequence += 1

    def _one(self, text: str, place: Place) -> None:
        statement = parse_statement(text, self.metastore.types, place)
        if isinstance(statement, CreateSource):
            self._create(statement)
        elif isinstance(statement, AlterSource):
            self.metastore.sources[statement.name] = plan_alter(statement, self.metastore)
        elif isinstance(statement, CreateAsSelect):
            self._create_as(statement, text)
        elif isinstance(statement, InsertValues):
            self._insert(plan_insert_values(statement, self.metastore, self.functions))
        elif isinstance(statement, InsertInto):
            self._start(f"Q{self._sequence}", plan_insert(statement, self.metastore, self.functions), text)
        elif isinstance(statement, CreateType):
            self.metastore.types[statement.name] = statement.type
        elif isinstance(statement, DropType):
            self.metastore.types.pop(statement.name, None)
        elif isinstance(statement, DropSource):
            plan_drop(statement, self.metastore)
            self.metastore.sources.pop(statement.name, None)
        elif isinstance(statement, SetProperty):
            self._set(statement)
        else:
            raise StatementError(f"{type(statement).__name__} cannot be run without a broker")

    def _set(self, statement: SetProperty) -> None:
        if statement.value is None:
            self.config.pop(statement.name, None)
        else:
            self.config[statement.name] = statement.value

    def _exists(self, statement: CreateSource | CreateAsSelect) -> bool:
        if statement.or_replace or statement.name not in self.metastore.sources:
            return False
        if not statement.if_not_exists:
            check_free(statement.kind, statement.name, self.metastore)
        return True

    def _create(self, statement: CreateSource) -> None:
        if self._exists(statement):
            return
        whole = infer_columns(statement, self.registry, self.config)
        source = plan_source(whole, self.metastore, self.config)
        self.formats.register_new(source)
        self.metastore.sources[source.name] = source

    def _create_as(self, statement: CreateAsSelect, text: str) -> None:
        if self._exists(statement):
            return
        plan = plan_create_as(statement, self.metastore, self.functions, self.config)
        check_sink_schemas(plan, self.registry)
        self._start(f"Q{self._sequence}", plan, text)

    def _insert(self, row: InsertedRow) -> None:
        encode = encoder(replace(row.source, time=None), self.formats)
        self.append(encode(row.key, row.value, row.time or 0))

    def _start(self, query_id: str, plan: QueryPlan, text: str) -> None:
        made = plan.with_id(query_id)
        sink = made.sink
        if sink is None:
            raise StatementError("a persistent query needs a sink")
        if plan.sink is not None and plan.sink.name not in self.metastore.sources:
            self.metastore.sources[sink.name] = sink
        self.metastore.queries[query_id] = QueryInfo(query_id, plan.sources, sink.name, text)
        self._queries.append(_RunningQuery(query_id, made, self))

    def run(self, inputs: Sequence[Message]) -> None:
        """Pipe `inputs` through every query, in the order the queries were made, each over its whole input."""
        ends: dict[str, int] = {}
        given: list[Message] = []
        for message in inputs:
            given.append(replace(message, offset=ends.get(message.topic, 0)))
            ends[message.topic] = given[-1].offset + 1
        for query in self._queries:
            topics = set(query.pipeline.topics)
            produced = [message for topic in sorted(topics) for message in self.topics.get(topic, [])]
            for message in [one for one in given if one.topic in topics] + produced:
                query.pipeline.process(message)
                query.pipeline.flush()

    def append(self, message: Message) -> None:
        """Add a produced record to its topic."""
        self.topics.setdefault(message.topic, []).append(message)

    def report(self, text: str, error: Exception) -> None:
        """Note what could not be read or computed."""
        self.log.append(f"{text}: {error}")
