"""REST cases: statements sent to the engine's own HTTP server, queries answered by it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ksql_engine.conformance.rest_server import MemoryServer, read_items, wait_until_settled
from ksql_engine.dialect.parser import parse_statement, split_statements
from ksql_engine.dialect.statements import CreateAsSelect, CreateSource, CreateType
from ksql_engine.driver.cases import Case, expand
from ksql_engine.driver.compare import difference
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.driver.run import outputs_problem, register_schemas
from ksql_engine.driver.topic_data import TopicData
from ksql_engine.errors import KsqlError
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.types import SqlType

_PARTITIONS: Final = 4
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class RestCase(Case):
    """A case with the answers that its statements and queries must give."""

    responses: Sequence[Answer] = ()
    status: int | None = None
    in_order: bool = False
    query_first: bool = False
    queries: Sequence[str] = field(default=())


def expand_rest(stem: str, test: Mapping[str, Any]) -> Iterator[RestCase]:
    """Yield a test once for each format it names."""
    failure = test.get("expectedError")
    expected = {**test, "expectedException": failure} if failure else test
    for case in expand(stem, expected):
        statements = split_statements(case.statements)
        queries = [one for one in statements if one.upper().startswith(("SELECT", "PRINT"))]
        yield RestCase(
            **{
                **case.__dict__,
                "statements": "\n".join(one for one in statements if one not in queries),
                "queries": queries,
                "responses": test.get("responses", ()),
                "status": (failure or {}).get("status"),
                "in_order": bool((test.get("outputConditions") or {}).get("verifyOrder")),
                "query_first": bool((test.get("inputConditions") or {}).get("waitForActivePushQuery")),
            }
        )


def run_rest_case(case: RestCase, server: MemoryServer) -> str | None:
    """Return None when the case holds, else what is different."""
    properties = {name: str(value) for name, value in case.properties.items()}
    with server.engine(properties) as (engine, broker):
        run = _Run(case, server, engine, broker)
        try:
            problem = run.problem()
        except KsqlError as error:
            return f"failed: {error}"
        if problem is None and case.error is not None:
            return f"did not fail with {case.error!r}"
        return None if problem is _EXPECTED else problem


_EXPECTED = "failed as expected"


class _Run:
    """One case in its engine."""

    def __init__(self, case: RestCase, server: MemoryServer, engine: Engine, broker: MemoryBroker) -> None:
        self._case, self._server, self._engine, self._broker = case, server, engine, broker
        assert isinstance(engine.registry, MemoryRegistry)  # noqa: S101 - the server made it so
        self._registry = engine.registry

    def problem(self) -> str | None:
        """Run the case; return what is different, None, or that it failed as it must."""
        case = self._case
        self._prepare()
        answer = self._server.post("/ksql", {"ksql": case.statements, "streamsProperties": {}})
        found = json.loads(answer.read(), parse_float=Decimal)
        if answer.status != 200:
            return self._failure(answer.status, found)
        admin = [one["admin"] for one in case.responses if "admin" in one]
        shown = found[: len(admin)] if case.error is not None else found
        problem = _subset(shown, admin, "statements") if case.responses else None
        if problem:
            return problem
        if not case.query_first:
            self._produce()
        wanted = [one["query"] for one in case.responses if "query" in one]
        for place, query in enumerate(case.queries):
            problem = self._query(query, wanted[place] if place < len(wanted) else None)
            if problem:
                return problem
        return self._outputs()

    def _prepare(self) -> None:
        register_schemas(self._registry, self._case.topics)
        for topic in self._case.topics:
            self._broker.topics.ensure(topic["name"], int(topic.get("partitions", _PARTITIONS)), 1, {})
        for name in self._topics_named():
            if self._broker.topics.find(name) is None:
                self._broker.topics.ensure(name, _PARTITIONS, 1, {})

    def _topics_named(self) -> list[str]:
        """Return the topics that records and statements name, without those that a statement makes."""
        found = dict.fromkeys(record["topic"] for record in (*self._case.inputs, *self._case.outputs))
        types: dict[str, SqlType] = {}
        for text in split_statements(self._case.statements):
            try:
                statement = parse_statement(text, types)
            except KsqlError:
                # What cannot be read is the server's to refuse.
                break
            if isinstance(statement, CreateType):
                types[statement.name] = statement.type
            if not isinstance(statement, (CreateSource, CreateAsSelect)):
                continue
            topic = str(statement.properties.get("KAFKA_TOPIC", statement.name))
            if "PARTITIONS" in statement.properties or isinstance(statement, CreateAsSelect):
                found.pop(topic, None)
            else:
                found[topic] = None
        return list(found)

    def _data(self, topic: str) -> TopicData:
        declared = next((one for one in self._case.topics if one["name"] == topic), None)
        over = [one for one in self._engine.metastore.sources.values() if one.topic == topic]
        return TopicData(topic, over[0] if over else None, self._registry, declared)

    def _produce(self) -> None:
        for record in self._case.inputs:
            self._broker.memory.append(self._data(record["topic"]).message(record))
        wait_until_settled(self._engine, self._broker)

    def _query(self, text: str, wanted: Sequence[Answer] | None) -> str | None:
        answer = self._server.post(
            "/query",
            {"ksql": text, "streamsProperties": {name: str(value) for name, value in self._case.properties.items()}},
        )
        if answer.status != 200:
            return self._failure(answer.status, json.loads(answer.read()))
        if self._case.query_first:
            self._produce()
        if wanted is None:
            return None
        ends = not text.upper().rstrip(" ;").endswith("CHANGES")
        found = read_items(answer, len(wanted) + ends)
        answer.close()
        return _rows_problem(found, wanted, self._case.in_order)

    def _failure(self, status: int, body: Mapping[str, Any]) -> str:
        wanted, message = self._case.error, str(body.get("message"))
        if wanted is None:
            return f"answered {status}: {message}"
        if self._case.status not in (None, status):
            return f"answered {status}, expected {self._case.status}: {message}"
        return _EXPECTED if wanted in message else f"failed with {message!r}, not {wanted!r}"

    def _outputs(self) -> str | None:
        names = dict.fromkeys(record["topic"] for record in self._case.outputs)
        if not names:
            return None
        wait_until_settled(self._engine, self._broker)
        held = {name: [one for part in self._broker.memory.partitions(name) for one in part] for name in names}
        return outputs_problem(self._case.outputs, held, {name: self._data(name) for name in names})


def _subset(found: Any, wanted: Any, place: str) -> str | None:
    """Return where `found` lacks something of `wanted`; objects may have more, a name may end with |starts_with."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, value in wanted.items():
            plain, _, how = name.partition("|")
            if how == "starts_with":
                problem = None if str(found.get(plain)).startswith(value) else f"{place}.{plain} is {found.get(plain)}"
            else:
                problem = _subset(found.get(plain), value, f"{place}.{plain}")
            if problem:
                return problem
        return None
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return f"{place} has {len(found)} items, expected {len(wanted)}: {found}"[:500]
        pairs = enumerate(zip(found, wanted, strict=True))
        return next(filter(None, (_subset(one, other, f"{place}[{n}]") for n, (one, other) in pairs)), None)
    return difference(found, wanted, None, place)


def _rows_problem(found: list[Any], wanted: Sequence[Answer], in_order: bool) -> str | None:
    expected = [one for one in wanted if "queryProto" not in one]
    if not in_order:
        found, expected = sorted(found, key=_rank), sorted(expected, key=_rank)
    return _subset(found, list(expected), "answer")


def _rank(item: Mapping[str, Any]) -> tuple[int, str]:
    """Header first, then rows by content, then the end."""
    kind = next((place for place, name in enumerate(("header", "row")) if name in item), 2)
    return (kind, str(item["row"].get("columns")) if kind == 1 else "")
