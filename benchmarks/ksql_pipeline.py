"""What a record costs in each query of the marketing topology, without Kafka: `python -m benchmarks.ksql_pipeline`.

Records lie in memory; each query decodes, computes, keeps its state on disk, encodes and commits, as the engine does.
The time is the processor time of the query's own thread, and of the whole process with the threads that RocksDB has in
the background, in microseconds for each record of its input, and the least of some runs: other work on the machine
makes each longer.
"""

import argparse
import io
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import fastavro

from benchmarks.events import events
from contracts.marketing import MARKETING
from contracts.schemas import load_schema
from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateAsSelect, CreateSource
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.errors import KsqlError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.endpoints import Message, encoder
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.sources import plan_create_as
from ksql_engine.runtime.collector import collect_by_the_clock, settle_collector
from ksql_engine.state.rocks import RocksState, shared_cache
from scripts.bootstrap.ksql import KSQL_DIR
from scripts.bootstrap.sql import read_statements

Topics = dict[str, list[Message]]


@dataclass(frozen=True)
class Cost:
    """What a query took: records in and out, and seconds of its thread and of the whole process."""

    name: str
    taken: int
    given: int
    seconds: float
    process_s: float


def source_topics(registry: MemoryRegistry, orders: int, customers: int, seed: int) -> Topics:
    """The Avro records of the lab's events by topic."""
    topics: Topics = {}
    for event in events(orders, customers, random.Random(seed)):
        schema = load_schema(MARKETING, event.topic)
        if event.topic.name not in topics:
            registry.register(event.topic.subject, schema)
        held = topics.setdefault(event.topic.name, [])
        out = io.BytesIO(b"\0" + registry.register(event.topic.subject, schema).to_bytes(4, "big"))
        out.seek(5)
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), event.value)
        held.append(
            Message(event.topic.name, event.key.encode(), out.getvalue(), time.time_ns() // 10**6, 0, len(held))
        )
    return topics


def plans(metastore: Metastore) -> list[QueryPlan]:
    """The queries of the topology in the order in which they feed each other."""
    functions, found = builtin_functions(), []
    for each in read_statements(KSQL_DIR / MARKETING.name):
        statement = parse_statement(each.text, metastore.types)
        if isinstance(statement, CreateSource):
            source = plan_source(statement, metastore, {})
        elif isinstance(statement, CreateAsSelect):
            plan = plan_create_as(statement, metastore, functions, {})
            found.append(plan)
            source = sink_of(plan)
        metastore.sources[source.name] = source
    return found


def sink_of(plan: QueryPlan):
    """The sink of a persistent query."""
    if plan.sink is None:
        raise ValueError("a persistent query has a sink")
    return plan.sink


def batches(topics: Topics, names: list[str], size: int) -> list[list[Message]]:
    """The records of some topics in batches, each with its share of every topic, as they come when all are written."""
    total = sum(len(topics[name]) for name in names)
    count = max(1, total // size)
    return [[message for name in names for message in share(topics[name], place, count)] for place in range(count)]


def share(messages: list[Message], place: int, count: int) -> list[Message]:
    """One of `count` equal parts."""
    return messages[len(messages) * place // count : len(messages) * (place + 1) // count]


def run(plan: QueryPlan, formats: StandardFormats, topics: Topics, folder: Path, args: argparse.Namespace) -> Cost:
    """Run one query over its topics; what it writes becomes its sink's topic."""
    sink, sent = sink_of(plan), []
    topics[sink.topic] = sent
    encode, state = encoder(sink, formats), RocksState(folder / sink.name, shared_cache())

    def fail(*problem: object) -> None:
        raise KsqlError(str(problem))

    outputs = Outputs(lambda key, value, moment: sent.append(encode(key, value, moment)), fail, fail)
    pipeline = Pipeline(plan, formats, state, outputs, cached=not args.uncached)
    work = batches(topics, pipeline.topics, args.batch)
    settle_collector()  # the records of this run are not looked through
    started, began = time.thread_time(), time.process_time()
    for batch in work:
        for message in batch:
            pipeline.process(message)
        pipeline.flush()
        state.commit({(batch[-1].topic, 0): batch[-1].offset + 1})
    seconds = time.thread_time() - started
    state.close()
    return Cost(sink.name, sum(map(len, work)), len(sent), seconds, time.process_time() - began)


def main() -> None:
    """Measure and print one line for each query, then the sum for each source order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--batch", type=int, default=2_000, help="records between two commits")
    parser.add_argument("--uncached", action="store_true", help="pass every change on")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    collect_by_the_clock()  # as a worker does
    registry = MemoryRegistry()
    formats = StandardFormats(registry)
    topics = source_topics(registry, args.orders, args.customers, args.seed)
    total = process = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as folder:
        for plan in plans(Metastore()):
            found = [run(plan, formats, topics, Path(folder, str(one)), args) for one in range(args.repeat)]
            cost = min(found, key=lambda one: one.seconds)
            total += cost.seconds
            process += cost.process_s
            each, whole = cost.seconds / cost.taken * 1e6, cost.process_s / cost.taken * 1e6
            print(f"{cost.name:24} {cost.taken:8,} in {cost.given:8,} out {each:7.1f} us, process {whole:7.1f} us")
    order = args.orders / 1e6
    print(f"{'all, for each order':24} {total / order:38.1f} us, process {process / order:7.1f} us")


if __name__ == "__main__":
    main()
