"""Queries over topics in memory: the server's planner and operators, one record at a time, no cache, no Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.parser import parse_statement, split_with_places
from ksql_engine.dialect.statements import (
    AlterSource,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DefineVariable,
    DropSource,
    DropType,
    InsertInto,
    InsertValues,
    SetProperty,
)
from ksql_engine.dialect.variables import substitute
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.errors import SerializationError, StatementError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.endpoints import Encode, Message, encoder
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.drop import plan_drop
from ksql_engine.plan.inference import check_sink_schemas, infer_columns
from ksql_engine.plan.insert_values import plan_insert_values
from ksql_engine.plan.metastore import Metastore, QueryInfo
from ksql_engine.plan.model import QueryPlan, Source
from ksql_engine.plan.replace import check_free, plan_alter
from ksql_engine.plan.sources import plan_create_as, plan_insert
from ksql_engine.state.store import MemoryState
from ksql_engine.types import Row


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
    """Statements and topics in memory. `log` holds what could not be read or computed.

    `by_topic` is the source over each topic, also after it was dropped; one that a query writes goes before others.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        """Start without sources; `config` holds a server's properties."""
        self.config: dict[str, Any] = dict(config or {})
        self.variables: dict[str, str] = {}
        self.metastore = Metastore()
        self.functions = builtin_functions()
        self.registry = MemoryRegistry()
        self.formats = StandardFormats(self.registry)
        self.topics: dict[str, list[Message]] = {}
        self.by_topic: dict[str, Source] = {}
        self.log: list[str] = []
        self._queries: dict[str, _RunningQuery] = {}
        self._sequence = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            CreateSource: self._create_source,
            CreateAsSelect: self._create_as,
            InsertInto: self._insert_into,
            InsertValues: self._insert_values,
            AlterSource: self._alter,
            CreateType: self._create_type,
            DropType: self._drop_type,
            DropSource: self._drop,
            SetProperty: self._set,
            DefineVariable: self._define,
        }

    def execute(self, text: str) -> None:
        """Run the statements of `text` in order. Raises StatementError."""
        for one, place in split_with_places(text):
            self._one(one, place)
            self._sequence += 1

    def _one(self, text: str, place: Place) -> None:
        statement = parse_statement(substitute(text, self.variables, place), self.metastore.types, place)
        handler = self._handlers.get(type(statement))
        if handler is None:
            raise StatementError(f"{type(statement).__name__} cannot be run without a broker")
        handler(statement)

    def _put(self, source: Source) -> None:
        self.metastore.sources[source.name] = source
        held = self.by_topic.get(source.topic)
        if held is None or held.query_id is None or source.query_id is not None:
            self.by_topic[source.topic] = source

    def _exists(self, statement: CreateSource | CreateAsSelect) -> bool:
        """Tell whether there is nothing to create. Raises StatementError when the name is taken."""
        if statement.or_replace:
            return False
        if statement.if_not_exists and statement.name in self.metastore.sources:
            return True
        check_free(statement.kind, statement.name, self.metastore)
        return False

    def _create_source(self, statement: CreateSource) -> None:
        if not self._exists(statement):
            whole = infer_columns(statement, self.registry, self.config)
            source = plan_source(whole, self.metastore, self.config)
            self.formats.register_new(source)
            self._put(source)

    def _create_as(self, statement: CreateAsSelect) -> None:
        if self._exists(statement):
            return
        plan = plan_create_as(statement, self.metastore, self.functions, self.config)
        check_sink_schemas(plan, self.registry)
        old = self.metastore.sources.get(statement.name)
        query_id = (old.query_id if old else None) or f"Q{self._sequence}"
        made = plan.with_id(query_id)
        self._start(query_id, made, statement.text)
        self._put(_sink_of(made))

    def _insert_into(self, statement: InsertInto) -> None:
        self._start(f"Q{self._sequence}", plan_insert(statement, self.metastore, self.functions), statement.text)

    def _start(self, query_id: str, plan: QueryPlan, text: str) -> None:
        query = _RunningQuery(query_id, plan, self)
        self.metastore.queries[query_id] = QueryInfo(query_id, plan.sources, _sink_of(plan).name, text)
        self._queries[query_id] = query

    def _insert_values(self, statement: InsertValues) -> None:
        row = plan_insert_values(statement, self.metastore, self.functions)
        encode = encoder(replace(row.source, time=None), self.formats)
        now = time.time_ns() // 1_000_000
        self.append(encode(row.key, row.value, now if row.time is None else int(row.time)))

    def _alter(self, statement: AlterSource) -> None:
        self._put(plan_alter(statement, self.metastore))

    def _create_type(self, statement: CreateType) -> None:
        if statement.name in self.metastore.types and not statement.if_not_exists:
            raise StatementError(
                f"Cannot register custom type '{statement.name}' since it is already registered with type: "
                f"{self.metastore.types[statement.name]}"
            )
        self.metastore.types.setdefault(statement.name, statement.type)

    def _drop_type(self, statement: DropType) -> None:
        if self.metastore.types.pop(statement.name, None) is None and not statement.if_exists:
            raise StatementError(f"Type '{statement.name}' does not exist")

    def _drop(self, statement: DropSource) -> None:
        source = plan_drop(statement, self.metastore)
        self.metastore.sources.pop(statement.name, None)
        if source is not None and source.query_id is not None:
            self.metastore.queries.pop(source.query_id, None)
            self._queries.pop(source.query_id, None)

    def _set(self, statement: SetProperty) -> None:
        if statement.value is None:
            self.config.pop(statement.name, None)
        else:
            self.config[statement.name] = statement.value

    def _define(self, statement: DefineVariable) -> None:
        if statement.value is None:
            self.variables.pop(statement.name, None)
        else:
            self.variables[statement.name] = statement.value

    def run(self, inputs: Sequence[Message]) -> None:
        """Pipe `inputs` through every query, in the order the queries were made, each over its whole input."""
        ends: dict[str, int] = {}
        given: list[Message] = []
        for message in inputs:
            given.append(message._replace(offset=ends.get(message.topic, 0)))
            ends[message.topic] = given[-1].offset + 1
        for query in self._queries.values():
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


def _sink_of(plan: QueryPlan) -> Source:
    if plan.sink is None:
        raise StatementError("a persistent query needs a sink")
    return plan.sink
