"""The JSON objects that answer statements (ksqlDB reference, "REST API")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ksql_engine.functions.describe import function_names
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.config import guarantee
from ksql_engine.plan.metastore import QueryInfo
from ksql_engine.plan.model import Schema, Source
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.runner import RunningQuery
from ksql_engine.runtime.topics import TopicInfo
from ksql_engine.server.session_properties import plain_properties
from ksql_engine.types import SqlType

Entity = dict[str, Any]


def entity(kind: str, statement: str, **fields: Any) -> Entity:
    """Return an entity with what every one has."""
    return {"@type": kind, "statementText": statement, **fields, "warnings": []}


def command_status(statement: str, command_id: str, message: str, sequence: int, query_id: str | None = None) -> Entity:
    """Return the answer to a statement that changed something."""
    status = {"status": "SUCCESS", "message": message, "queryId": query_id}
    return entity(
        "currentStatus", statement, commandId=command_id, commandStatus=status, commandSequenceNumber=sequence
    )


def warning(statement: str, message: str) -> Entity:
    """Return the answer to a statement that had nothing to do."""
    return entity("warning_entity", statement, message=message)


def type_json(kind: SqlType) -> dict[str, Any]:
    """Return a type as `{type, fields, memberSchema}`."""
    fields = [{"name": name, "schema": type_json(field)} for name, field in kind.fields] or None
    found: dict[str, Any] = {
        "type": kind.base,
        "fields": fields,
        "memberSchema": type_json(kind.item) if kind.item else None,
    }
    if kind.base == "DECIMAL":
        found["parameters"] = {"precision": kind.precision, "scale": kind.scale}
    return found


def fields_json(schema: Schema) -> list[dict[str, Any]]:
    """Return a schema's columns; those of the key say so."""
    keys = [{"name": column.name, "schema": type_json(column.type), "type": "KEY"} for column in schema.key]
    return keys + [{"name": column.name, "schema": type_json(column.type)} for column in schema.value]


def sources_entity(statement: str, sources: Sequence[Source], kind: str) -> Entity:
    """Return the list of streams or tables."""
    listed = [
        {
            "type": source.kind,
            "name": source.name,
            "topic": source.topic,
            "keyFormat": source.key_format.name,
            "valueFormat": source.value_format.name,
            "isWindowed": source.window is not None,
        }
        for source in sorted(sources, key=lambda source: source.name)
        if source.kind == kind
    ]
    name = "streams" if kind == "STREAM" else "tables"
    return entity(name, statement, **{name: listed})


def query_json(engine: Engine, info: QueryInfo) -> dict[str, Any]:
    """Return one running query."""
    task = engine.tasks.get(info.query_id)
    state = _state(task)
    sink = engine.metastore.sources.get(info.sink)
    return {
        "queryString": info.statement,
        "sinks": [info.sink],
        "sinkKafkaTopics": [sink.topic] if sink else [],
        "id": info.query_id,
        "statusCount": {state: 1},
        "queryType": "PERSISTENT",
        "state": state,
        **({"queryErrors": errors} if (errors := _errors(task)) else {}),
    }


def _errors(task: RunningQuery | None) -> list[dict[str, str]]:
    return [{"errorMessage": task.error, "type": "SYSTEM"}] if task is not None and task.error else []


def _state(task: RunningQuery | None) -> str:
    return task.status if task is not None else "NOT_RUNNING"


def queries_entity(engine: Engine, statement: str) -> Entity:
    """Return all running queries."""
    listed = [query_json(engine, info) for _, info in sorted(engine.metastore.queries.items())]
    return entity("queries", statement, queries=listed)


def source_description(engine: Engine, source: Source, extended: bool) -> dict[str, Any]:
    """Return what DESCRIBE says of a source."""
    topic = engine.topics.find(source.topic) if extended else None
    queries = engine.metastore.queries
    return {
        "name": source.name,
        "windowType": source.window.kind if source.window else None,
        "readQueries": [query_json(engine, queries[one]) for one in engine.metastore.readers(source.name)],
        "writeQueries": [query_json(engine, queries[one]) for one in engine.metastore.writers(source.name)],
        "fields": [_described(field) for field in [*fields_json(source.schema), *_header_fields(source)]],
        "type": source.kind,
        "timestamp": source.time.name if source.time else "",
        "statistics": _statistics(engine, source) if extended else "",
        "errorStats": "",
        "extended": extended,
        "keyFormat": source.key_format.name,
        "valueFormat": source.value_format.name,
        "topic": source.topic,
        "partitions": topic.partitions if topic else 0,
        "replication": topic.replicas if topic else 0,
        "statement": source.statement,
        "queryOffsetSummaries": [],
        "sourceConstraints": [],
        "clusterStatistics": [],
        "clusterErrorStats": [],
    }


def _statistics(engine: Engine, source: Source) -> str:
    """Return, for each query that writes a source, what it has read since it was started."""
    running = [(one, engine.tasks.get(one)) for one in engine.metastore.writers(source.name)]
    return "\n".join(
        f"{query_id}: consumer-total-messages: {task.processed:>9}   late-records: {task.late:>9}"
        for query_id, task in running
        if task is not None
    )


def _header_fields(source: Source) -> list[dict[str, Any]]:
    """Return the header columns of a source; one of a single header says which."""
    return [
        {
            "name": header.name,
            "schema": type_json(header.type),
            "type": "HEADER",
            **({} if header.key is None else {"headerKey": header.key}),
        }
        for header in source.headers
    ]


def _described(field: dict[str, Any]) -> dict[str, Any]:
    kind = field.pop("type", None)
    return {**field, "fieldType": kind} if kind else field


def query_description(engine: Engine, info: QueryInfo, statement: str) -> Entity:
    """Return what EXPLAIN says of a running query."""
    task, sink = engine.tasks.get(info.query_id), engine.metastore.sources.get(info.sink)
    state = _state(task)
    described = _query_fields(
        info.query_id, info.statement, sink.schema if sink else Schema((), ()), info.sources, [info.sink]
    )
    described.update(
        {
            "ksqlHostQueryStatus": {f"{engine.settings.host}:{engine.settings.port}": state},
            "queryType": "PERSISTENT",
            "state": state,
            "consumerGroupId": engine.settings.group_id(info.query_id),
            "queryErrors": _errors(task),
            "overriddenProperties": _overridden(engine, info),
        }
    )
    return entity("queryDescription", statement, queryDescription=described)


def _overridden(engine: Engine, info: QueryInfo) -> dict[str, str]:
    """Return the properties of a query that are not the server's."""
    server = plain_properties(engine.settings.properties)
    return {name: value for name, value in info.properties.items() if server.get(name) != value}


def plan_description(statement: str, text: str, schema: Schema, sources: Sequence[str], sinks: Sequence[str]) -> Entity:
    """Return what EXPLAIN says of a statement that does not run."""
    return entity("queryDescription", statement, queryDescription=_query_fields("", text, schema, sources, sinks))


def _query_fields(
    query_id: str, text: str, schema: Schema, sources: Sequence[str], sinks: Sequence[str]
) -> dict[str, Any]:
    return {
        "id": query_id,
        "statementText": text,
        "windowType": None,
        "fields": fields_json(schema),
        "sources": list(sources),
        "sinks": list(sinks),
        "topology": "",
        "executionPlan": "",
        "overriddenProperties": {},
        "ksqlHostQueryStatus": {},
        "queryType": "PUSH",
        "queryErrors": [],
        "tasksMetadata": [],
        "state": None,
        "consumerGroupId": None,
    }


def topics_entity(statement: str, topics: Sequence[TopicInfo], extended: bool) -> Entity:
    """Return the list of topics."""
    listed: list[dict[str, Any]] = [
        {"name": topic.name, "replicaInfo": [topic.replicas] * topic.partitions} for topic in topics
    ]
    if extended:
        listed = [{**one, "consumerCount": 0, "consumerGroupCount": 0} for one in listed]
    return entity("kafka_topics_extended" if extended else "kafka_topics", statement, topics=listed)


def functions_entity(statement: str, functions: FunctionRegistry) -> Entity:
    """Return the list of functions."""
    return entity("function_names", statement, functions=function_names(functions))


def types_entity(statement: str, types: Mapping[str, SqlType]) -> Entity:
    """Return the custom types."""
    return entity("type_list", statement, types={name: type_json(kind) for name, kind in types.items()})


def variables_entity(statement: str, variables: Mapping[str, str]) -> Entity:
    """Return the request's variables."""
    listed = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    return entity("variables", statement, variables=listed)


def properties_entity(engine: Engine, statement: str, overrides: dict[str, Any]) -> Entity:
    """Return the server's properties, with those that the request sets."""
    settings = engine.settings
    values: dict[str, Any] = {
        "ksql.service.id": settings.service_id,
        "ksql.streams.bootstrap.servers": settings.bootstrap,
        "ksql.schema.registry.url": settings.registry_url or "",
        "ksql.streams.auto.offset.reset": settings.auto_offset_reset,
        "ksql.streams.commit.interval.ms": str(settings.commit_interval_ms),
        "ksql.query.pull.table.scan.enabled": "true",
        **settings.properties,
        **{name: str(value) for name, value in overrides.items()},
    }
    values["ksql.streams.processing.guarantee"] = guarantee(
        plain_properties(settings.properties) | plain_properties(overrides)
    )
    listed = [
        {"name": name, "scope": "KSQL", "value": value, "editable": name in overrides, "level": "QUERY"}
        for name, value in sorted(values.items())
    ]
    return entity(
        "properties", statement, properties=listed, overwrittenProperties=sorted(overrides), defaultProperties=[]
    )
