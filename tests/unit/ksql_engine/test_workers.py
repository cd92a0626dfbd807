"""Queries in worker processes: how they are spread, planned again, asked for rows, and brought back after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import Pipe
from pathlib import Path

import pytest
from engine_world import engine, execute

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.result import RESULT
from ksql_engine.plan.model import QueryPlan
from ksql_engine.runtime.jobs import Job, plan_job
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.runner import LocalQuery, LocalRunner, Lookup
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.state_folder import StateFolder
from ksql_engine.runtime.workers.homes import Homes
from ksql_engine.runtime.workers.messages import CHUNK_ROWS
from ksql_engine.runtime.workers.worker import RemoteQuery, Worker
from tests.waiting import eventually

STATEMENTS = """
CREATE TYPE place AS STRUCT<x INT, y INT>;
CREATE STREAM orders (id STRING KEY, spot place, cents BIGINT) WITH (KAFKA_TOPIC='orders', PARTITIONS=2, FORMAT='JSON');
CREATE SOURCE TABLE people (id STRING PRIMARY KEY, name STRING)
  WITH (KAFKA_TOPIC='people', PARTITIONS=2, FORMAT='JSON');
CREATE STREAM big AS SELECT id, CAST(spot AS place) AS spot, cents FROM orders WHERE cents > 5;
INSERT INTO big SELECT id, spot, cents FROM orders WHERE cents < 0;
CREATE TABLE sums AS SELECT id, SUM(cents) AS total FROM big GROUP BY id;
CREATE TABLE named AS SELECT p.id, p.name, s.total FROM people p LEFT JOIN sums s ON p.id = s.id;
CREATE OR REPLACE STREAM big AS SELECT id, CAST(spot AS place) AS spot, cents, cents * 2 AS twice FROM orders;
"""


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Job, QueryPlan]]:
    """What an engine gave its runner for STATEMENTS."""
    found: list[tuple[Job, QueryPlan]] = []
    real = LocalRunner.run

    def run(self: LocalRunner, given: Sequence[tuple[Job, QueryPlan]]) -> Mapping[str, LocalQuery]:
        found.extend(given)
        return real(self, given)

    monkeypatch.setattr(LocalRunner, "run", run)
    with engine(tmp_path / "engine", MemoryBroker(), MemoryRegistry()) as running:
        execute(running, STATEMENTS)
    assert len(found) == 6
    return found


def test_a_job_is_planned_again_as_it_was(starts: list[tuple[Job, QueryPlan]]) -> None:
    for job, plan in starts:
        again = plan_job(job, builtin_functions())
        assert (again.schema, again.sink, again.sources, again.writes) == (
            plan.schema,
            plan.sink,
            plan.sources,
            plan.writes,
        )


def test_stages_of_a_chain_have_different_homes_that_last(starts: list[tuple[Job, QueryPlan]], tmp_path: Path) -> None:
    plans = {job.query_id: plan for job, plan in starts if not job.query_id.startswith("INSERT")}
    homes = Homes(tmp_path / "homes.json", 2)
    placed: list[str] = []
    for query_id, plan in plans.items():
        homes.place([(query_id, plan)], placed)
        placed.append(query_id)
    found = {query_id: homes.of(query_id) for query_id in plans}
    people, big, sums, named = found.values()
    assert big != people
    assert sums != big
    assert named != sums
    again = Homes(tmp_path / "homes.json", 2)
    again.place(list(reversed(plans.items())), [])
    assert {query_id: again.of(query_id) for query_id in plans} == found


def test_uneven_homes_are_given_up_at_a_start(starts: list[tuple[Job, QueryPlan]], tmp_path: Path) -> None:
    plans = {job.query_id: plan for job, plan in starts}
    heavy = list(plans)[:2]
    path = tmp_path / "homes.json"
    path.write_text(json.dumps({"homes": dict.fromkeys(plans, 0), "measured": {}}))
    homes = Homes(path, 2)
    homes.place(list(plans.items()), [])
    assert {homes.of(query_id) for query_id in plans} == {0}
    homes.measured({query_id: 50.0 if query_id in heavy else 1.0 for query_id in plans})
    again = Homes(path, 2)
    again.place(list(plans.items()), [])
    assert {again.of(query_id) for query_id in heavy} == {0, 1}


@pytest.mark.parametrize("text", ["", "{}", '{"homes": {"A": "x"}, "measured": {}}', "[]"])
def test_homes_that_cannot_be_read_are_found_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / "homes.json").write_text(text)
    homes = Homes(tmp_path / "homes.json", 2)
    homes.place([], [])
    assert json.loads((tmp_path / "homes.json").read_text()) == {"homes": {}, "measured": {}}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker whose broker is nowhere: its queries keep the rows they have."""
    made = Worker(0, EngineSettings(bootstrap="127.0.0.1:1", state_dir=tmp_path))
    made.start()
    yield made
    made.stop()
    made.join(0.1)


def with_rows(starts: list[tuple[Job, QueryPlan]], folder: Path, worker: Worker, count: int) -> RemoteQuery:
    """A query in the worker over a state that holds rows."""
    job, plan = next((job, plan) for job, plan in starts if job.query_id.startswith("CST_PEOPLE"))
    state = StateFolder(folder).open(job.query_id)
    for number in range(count):
        state.store(RESULT).put((f"k{number:05}",), ((f"k{number:05}",), (number,), number))
    state.commit({})
    state.close()
    query, opened = worker.run(job, plan)
    assert opened.result(20).error is None
    return query


def test_rows_come_from_a_worker_some_at_a_time(
    starts: list[tuple[Job, QueryPlan]], tmp_path: Path, worker: Worker
) -> None:
    count = 2 * CHUNK_ROWS + 7
    query = with_rows(starts, tmp_path, worker, count)
    assert [value for _, (value,), _ in query.rows(Lookup(None))] == list(range(count))
    assert [entry and entry[1] for entry in query.rows(Lookup((("k00003",), ("no",))))] == [(3,)]
    left = query.rows(Lookup(None))
    assert next(left)[2] == 0
    left.close()  # type: ignore[attr-defined]  # it is a generator
    query.end()
    assert worker.query_ids == []


def test_a_killed_worker_comes_back_with_its_queries(
    starts: list[tuple[Job, QueryPlan]], tmp_path: Path, worker: Worker
) -> None:
    query = with_rows(starts, tmp_path, worker, 3)
    query.pause()
    killed = worker.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: worker.pid != killed)
    assert len(list(query.rows(Lookup(None)))) == 3
    assert query.status == "PAUSED"
    query.resume()
    eventually(lambda: query.status in ("RUNNING", "ERROR"))


def test_a_worker_ends_with_its_server(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "ksql_engine.runtime.workers", str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    ours.send(EngineSettings(bootstrap="127.0.0.1:1", state_dir=tmp_path))
    assert process.poll() is None
    ours.close()
    assert process.wait(10) == 1
