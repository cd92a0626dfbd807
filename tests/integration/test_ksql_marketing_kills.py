"""The lab's own SQL while server and workers are killed: every table equals a recomputation each time.

`pytest -s tests/integration/test_ksql_marketing_kills.py --kills 30 --seed 7 --timeout 1800` kills more often.
"""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from engine_process import EngineProcess, kill_server, kill_worker
from marketing_load import MarketingLoad
from marketing_tables import TABLES, Events, Held, Tables, differences

from benchmarks.progress import Progress
from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.bootstrap.ksql import apply_ksql
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from tests.waiting import eventually

pytestmark = pytest.mark.integration

INPUTS = 13
"""Pairs of a query and a topic it reads: eight queries read one, the consolidated customer five."""
CAUGHT_UP_WITHIN_S = 90.0
RATES = (100, 800, 5000)


def empty_topics(settings: Settings) -> None:
    """Make all topics of the lab anew."""
    admin = AdminClient(settings.kafka_client)
    known = admin.list_topics(timeout=10).topics
    doomed = [topic.name for topic in MARKETING.topics if topic.name in known]
    for future in admin.delete_topics(doomed).values() if doomed else ():
        future.result(30)
    eventually(lambda: not set(doomed) & set(admin.list_topics(timeout=10).topics))
    ensure_topics(settings, MARKETING)


@pytest.fixture
def settings(lab_services: Any, engine: EngineProcess, tmp_path: Path) -> Iterator[Settings]:
    """An engine that runs the lab's SQL on empty topics."""
    running: Settings = lab_services.settings
    empty_topics(running)
    ensure_schemas(running, MARKETING)
    own = running.model_copy(update={"home": tmp_path, "ksql_server": engine.url})
    apply_ksql(own, MARKETING)
    yield own
    engine.end(signal.SIGKILL)
    empty_topics(running)


def strike(engine: EngineProcess, load: MarketingLoad, rng: random.Random, number: int) -> str:
    """Kill the server or a worker by turns, at a random moment under load, and say which.

    The server stays away for a while, so that a backlog grows, which the next kill may meet.
    """
    rate, before_s, after_s = rng.choice(RATES), rng.uniform(0.1, 2.0), rng.uniform(0.0, 1.0)
    with load.running(rate):
        time.sleep(before_s)
        if number % 2:
            kill_worker(engine, rng)
        else:
            kill_server(engine, rng.choice((0.0, after_s)))
        time.sleep(after_s)
    return f"{'a worker' if number % 2 else 'the server'} after {before_s:.2f} s at {rate} records/s"


def assert_every_change_is_noticed(events: Events, held: Held) -> None:
    """A row that is lost, and one that has another value, are named in each table."""
    for topic in TABLES:
        rows = held.rows[topic.name]
        lost, changed = list(rows)[:2]
        kept = dict(rows)
        del rows[lost]
        rows[changed] = {**rows[changed], next(iter(rows[changed])): "changed"}
        wrong = "\n".join(differences(events, held))
        assert f"{topic.name} {lost}: None" in wrong
        assert f"{topic.name} {changed}: {{" in wrong
        held.rows[topic.name] = kept


def test_after_every_kill_all_tables_equal_a_recomputation(
    settings: Settings, engine: EngineProcess, kills: int, seed: int
) -> None:
    print(f"seed {seed}, {kills} kills")
    rng, load = random.Random(seed), MarketingLoad(settings, seed)
    events, tables = Events(settings), Tables(settings)
    progress = Progress(settings, INPUTS, service=engine.service_id)
    with load.running(RATES[-1]):
        time.sleep(1.0)
    number = 0
    while number < kills:
        together = min(rng.choice((1, 1, 2)), kills - number)
        what = ", ".join(strike(engine, load, rng, number + each) for each in range(together))
        number += together
        progress.wait(CAUGHT_UP_WITHIN_S)
        events.read()
        tables.read()
        rows, wrong = sum(map(len, tables.held.rows.values())), differences(events, tables.held)
        print(f"kill {number}: {what}; {load.sent:,} records, {rows:,} rows, {len(wrong)} differ", flush=True)
        assert wrong[:10] == [], f"seed {seed}, kill {number}: {what}"
    assert_every_change_is_noticed(events, tables.held)
    states = {one["state"] for one in engine.ksql("SHOW QUERIES;")[0]["queries"]}
    assert states == {"RUNNING"}
