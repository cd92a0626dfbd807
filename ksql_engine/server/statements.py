"""Statements executed: each kind of statement with what it does to the engine and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaException

from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.parser import parse_statement, split_with_places
from ksql_engine.dialect.source_text import source_text
from ksql_engine.dialect.statements import (
    AlterSource,
    AssertSchema,
    AssertTopic,
    CreateAsSelect,
    CreateSource,
    CreateType,
    DefineVariable,
    DescribeFunction,
    DescribeSource,
    DropSource,
    DropType,
    Explain,
    InsertInto,
    InsertValues,
    PrintTopic,
    QueryControl,
    SelectStatement,
    SetProperty,
    Show,
    Statement,
)
from ksql_engine.dialect.variables import substitute
from ksql_engine.errors import KsqlError, ParseError, StatementError, WrongEndpointError
from ksql_engine.functions.describe import function_description
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.drop import plan_drop
from ksql_engine.plan.inference import check_sink_schemas, infer_columns
from ksql_engine.plan.queries import plan_query
from ksql_engine.plan.replace import check_free
from ksql_engine.plan.sources import plan_create_as, plan_insert
from ksql_engine.runtime.engine import Engine, describe_failure
from ksql_engine.runtime.insert import insert_values
from ksql_engine.server import entities
from ksql_engine.server.definitions import alter_source, assert_schema, assert_topic
from ksql_engine.server.entities import Entity
from ksql_engine.server.session_properties import check_set, plain_properties

_KEPT_STATUSES: Final = 1000


class FailedStatement(KsqlError):
    """Raised when a statement of a request fails; what the statements before it answered goes along."""

    def __init__(self, cause: Exception, statement: str, done: list[Entity]) -> None:
        """Keep the failure with the statement's text and the entities of earlier statements."""
        message = describe_failure(cause) if isinstance(cause, (KafkaException, KsqlError)) else str(cause)
        super().__init__(message)
        self.statement = statement
        self.done = done
        self.code = cause.code if isinstance(cause, KsqlError) else 50000
        self.status = cause.status if isinstance(cause, KsqlError) else 500


@dataclass
class Request:
    """One request's session: properties and variables live as long as it. `server` are the server's properties."""

    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    server: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, str]:
        """Return all properties without prefixes; those of the request go before the server's."""
        return plain_properties(self.server) | plain_properties(self.properties)


class StatementRunner:
    """Executes the text of requests against an engine."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`."""
        self._engine = engine
        self.done: dict[str, dict[str, Any]] = {}
        self._handlers: dict[type, Callable[[Any, Request], Entity | None]] = {
            CreateSource: self._create_source,
            CreateAsSelect: self._create_as,
            InsertInto: self._insert_into,
            InsertValues: self._insert_values,
            DropSource: self._drop,
            AlterSource: self._alter,
            AssertTopic: self._assert_topic,
            AssertSchema: self._assert_schema,
            QueryControl: self._control,
            Show: self._show,
            DescribeSource: self._describe,
            DescribeFunction: self._describe_function,
            Explain: self._explain,
            SetProperty: self._set,
            DefineVariable: self._define,
            CreateType: self._create_type,
            DropType: self._drop_type,
            SelectStatement: self._wrong_endpoint,
            PrintTopic: self._wrong_endpoint,
        }

    def execute(self, text: str, request: Request) -> list[Entity]:
        """Run all statements of `text` in order and return their entities.

        Raises FailedStatement at the first that fails; those before it stay done.
        """
        try:
            texts = split_with_places(text)
        except ParseError as error:
            raise FailedStatement(error, text, []) from error
        done: list[Entity] = []
        for one, place in texts:
            try:
                answer = self._one(one, place, request)
            except (KsqlError, KafkaException) as error:
                raise FailedStatement(error, one, done) from error
            if answer is not None:
                done.append(answer)
                self._note(answer)
        return done

    def _note(self, answer: Entity) -> None:
        """Keep the status of a command for those who ask later; the oldest are forgotten."""
        if answer["@type"] == "currentStatus":
            self.done[answer["commandId"]] = answer["commandStatus"]
            while len(self.done) > _KEPT_STATUSES:
                self.done.pop(next(iter(self.done)), None)

    def _one(self, text: str, place: Place, request: Request) -> Entity | None:
        self._engine.check_ready()
        statement = parse_statement(substitute(text, request.variables, place), self._engine.metastore.types, place)
        handler = self._handlers[type(statement)]
        if isinstance(statement, (AssertTopic, AssertSchema, InsertValues)):
            return handler(statement, request)  # may wait for the broker, or for what other statements make
        with self._engine.lock:
            return handler(statement, request)

    def _create_source(self, statement: CreateSource, request: Request) -> Entity | None:
        exists = self._existing(statement)
        if exists is not None:
            return exists
        config = request.plain()
        whole = infer_columns(statement, self._engine.registry, config)
        source = plan_source(whole, self._engine.metastore, config)
        text = statement.text if whole is statement else source_text(whole)
        query_id = self._engine.create_source(text, source, config)
        kind = statement.kind.lower()
        return entities.command_status(
            statement.text,
            f"{kind}/`{statement.name}`/create",
            f"Created query with ID {query_id}" if query_id else f"{kind.capitalize()} created",
            self._engine.sequence - 1,
            query_id,
        )

    def _existing(self, statement: CreateSource | CreateAsSelect) -> Entity | None:
        """Return the warning when the source exists and may. Raises StatementError when it exists and may not."""
        found = self._engine.metastore.sources.get(statement.name)
        if found is None or statement.or_replace:
            return None
        try:
            check_free(statement.kind, statement.name, self._engine.metastore)
        except StatementError as error:
            if statement.if_not_exists:
                return entities.warning(statement.text, str(error))
            raise
        return None

    def _create_as(self, statement: CreateAsSelect, request: Request) -> Entity | None:
        exists = self._existing(statement)
        if exists is not None:
            return exists
        engine = self._engine
        plan = plan_create_as(statement, engine.metastore, engine.functions, request.plain())
        check_sink_schemas(plan, engine.registry)
        old = engine.metastore.sources.get(statement.name)
        if old is not None and old.query_id is None:
            raise StatementError(f"Cannot replace {old.kind.lower()} `{old.name}`: it was not made by a query")
        prefix = "CSAS" if statement.kind == "STREAM" else "CTAS"
        query_id = (old.query_id if old else None) or f"{prefix}_{statement.name}_{engine.sequence}"
        engine.create_query(statement.text, plan, query_id, owns_sink=True, properties=request.plain())
        return entities.command_status(
            statement.text,
            f"{statement.kind.lower()}/`{statement.name}`/create",
            f"Created query with ID {query_id}",
            engine.sequence - 1,
            query_id,
        )

    def _insert_into(self, statement: InsertInto, request: Request) -> Entity | None:
        engine = self._engine
        plan = plan_insert(statement, engine.metastore, engine.functions)
        query_id = str(statement.properties.get("QUERY_ID", f"INSERTQUERY_{engine.sequence}")).upper()
        if query_id in engine.metastore.queries:
            raise StatementError(f"Query ID '{query_id}' already exists.")
        engine.create_query(statement.text, plan, query_id, owns_sink=False, properties=request.plain())
        return entities.command_status(
            statement.text,
            f"stream/`{statement.target}`/create",
            f"Created query with ID {query_id}",
            engine.sequence - 1,
            query_id,
        )

    def _insert_values(self, statement: InsertValues, _request: Request) -> Entity | None:
        insert_values(self._engine, statement)
        return None

    def _drop(self, statement: DropSource, _request: Request) -> Entity | None:
        source = plan_drop(statement, self._engine.metastore)
        if source is None:
            return entities.warning(statement.text, f"Source {statement.name} does not exist.")
        self._engine.drop_source(statement)
        return entities.command_status(
            statement.text,
            f"{source.kind.lower()}/{source.name}/drop",
            f"Source `{source.name}` (topic: {source.topic}) was dropped.",
            self._engine.sequence - 1,
        )

    def _alter(self, statement: AlterSource, _request: Request) -> Entity | None:
        return alter_source(self._engine, statement)

    def _assert_topic(self, statement: AssertTopic, _request: Request) -> Entity | None:
        return assert_topic(self._engine, statement)

    def _assert_schema(self, statement: AssertSchema, _request: Request) -> Entity | None:
        return assert_schema(self._engine, statement)

    def _control(self, statement: QueryControl, _request: Request) -> Entity | None:
        engine = self._engine
        if statement.query_id is not None and statement.query_id not in engine.metastore.queries:
            raise StatementError(f"Unknown queryId: {statement.query_id}")
        chosen = [statement.query_id] if statement.query_id else list(engine.metastore.queries)
        sequence = engine.record(statement.text)
        for query_id in chosen:
            if statement.action == "TERMINATE":
                engine.terminate(query_id)
            elif statement.action == "PAUSE":
                engine.tasks[query_id].pause()
            else:
                engine.tasks[query_id].resume()
        word = {"TERMINATE": "terminated", "PAUSE": "paused", "RESUME": "resumed"}[statement.action]
        shown = statement.query_id or "ALL"
        return entities.command_status(
            statement.text,
            f"{statement.action.lower()}/{shown}/execute",
            f"Query {word}.",
            sequence,
            statement.query_id,
        )

    def _show(self, statement: Show, request: Request) -> Entity | None:
        engine, text = self._engine, statement.text
        shown: dict[str, Callable[[], Entity]] = {
            "STREAMS": lambda: self._show_sources(statement),
            "TABLES": lambda: self._show_sources(statement),
            "QUERIES": lambda: entities.queries_entity(engine, text),
            "TOPICS": lambda: self._show_topics(statement),
            "FUNCTIONS": lambda: entities.functions_entity(text, engine.functions),
            "PROPERTIES": lambda: entities.properties_entity(engine, text, request.properties),
            "TYPES": lambda: entities.types_entity(text, engine.metastore.types),
            "VARIABLES": lambda: entities.variables_entity(text, request.variables),
        }
        return shown[statement.what]()

    def _show_topics(self, statement: Show) -> Entity:
        internal = ("_", self._engine.settings.service_id)
        topics = [one for one in self._engine.topics.all() if statement.all or not one.name.startswith(internal)]
        return entities.topics_entity(statement.text, topics, statement.extended)

    def _show_sources(self, statement: Show) -> Entity:
        kind = statement.what[:-1]
        sources = list(self._engine.metastore.sources.values())
        if not statement.extended:
            return entities.sources_entity(statement.text, sources, kind)
        described = [entities.source_description(self._engine, one, True) for one in sources if one.kind == kind]
        return entities.entity("source_descriptions", statement.text, sourceDescriptions=described)

    def _describe(self, statement: DescribeSource, _request: Request) -> Entity | None:
        if statement.name in ("STREAMS", "TABLES") and statement.name not in self._engine.metastore.sources:
            return self._show_sources(Show(what=statement.name, extended=True, text=statement.text))
        source = self._engine.metastore.sources.get(statement.name)
        if source is None:
            raise StatementError(f"Could not find STREAM/TABLE '{statement.name}' in the Metastore")
        described = entities.source_description(self._engine, source, statement.extended)
        return entities.entity("sourceDescription", statement.text, sourceDescription=described)

    def _describe_function(self, statement: DescribeFunction, _request: Request) -> Entity | None:
        described = function_description(self._engine.functions, statement.name)
        return entities.entity("describe_function", statement.text, **described)

    def _explain(self, statement: Explain, _request: Request) -> Entity | None:
        store, functions = self._engine.metastore, self._engine.functions
        if statement.query_id is not None:
            info = store.queries.get(statement.query_id)
            if info is None:
                raise StatementError(
                    f"Query with id:{statement.query_id} does not exist, use SHOW QUERIES to view the "
                    f"full set of queries."
                )
            return entities.query_description(self._engine, info, statement.text)
        inner = statement.statement
        if isinstance(inner, CreateAsSelect):
            plan, sinks = plan_create_as(inner, store, functions), [inner.name]
        elif isinstance(inner, InsertInto):
            plan, sinks = plan_insert(inner, store, functions), [inner.target]
        elif isinstance(inner, SelectStatement):
            plan, sinks = plan_query(inner.query, store, functions, None).plan, []
        else:
            raise StatementError("The provided statement does not run a ksql query")
        return entities.plan_description(statement.text, inner.text, plan.schema, plan.sources, sinks)

    def _set(self, statement: SetProperty, request: Request) -> Entity | None:
        check_set(statement.name, statement.value, request.server)
        if statement.value is None:
            request.properties.pop(statement.name, None)
        else:
            request.properties[statement.name] = statement.value
        return None

    def _define(self, statement: DefineVariable, request: Request) -> Entity | None:
        if statement.value is None:
            request.variables.pop(statement.name, None)
        else:
            request.variables[statement.name] = statement.value
        return None

    def _create_type(self, statement: CreateType, _request: Request) -> Entity | None:
        types = self._engine.metastore.types
        if statement.name in types:
            message = (
                f"Cannot register custom type '{statement.name}' since it is already registered with type: "
                f"{types[statement.name]}"
            )
            if statement.if_not_exists:
                return entities.warning(statement.text, message)
            raise StatementError(message)
        sequence = self._engine.record(statement.text)
        types[statement.name] = statement.type
        return entities.command_status(
            statement.text,
            f"type/{statement.name}/create",
            f"Registered custom type with name '{statement.name}' and SQL type {statement.type}",
            sequence,
        )

    def _drop_type(self, statement: DropType, _request: Request) -> Entity | None:
        if statement.name not in self._engine.metastore.types:
            if statement.if_exists:
                return entities.warning(statement.text, f"Type '{statement.name}' does not exist")
            raise StatementError(f"Type '{statement.name}' does not exist")
        sequence = self._engine.record(statement.text)
        del self._engine.metastore.types[statement.name]
        return entities.command_status(
            statement.text, f"type/{statement.name}/drop", f"Dropped type '{statement.name}'", sequence
        )

    def _wrong_endpoint(self, _statement: Statement, _request: Request) -> Entity | None:
        raise WrongEndpointError(
            "The following statement types should be issued to the websocket endpoint '/query': PRINT, SELECT"
        )
