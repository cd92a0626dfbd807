"""processing.guarantee=exactly_once_v2: wherever a crash falls, a record takes effect on the sink exactly once."""

# ruff: noqa: S608 - statements are made of constants of the test
from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from engine_world import engine, execute, pulled, until

from ksql_engine.__main__ import read_settings
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.errors import FencedError, SinkFailedError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime import memory_broker
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.server.statements import FailedStatement
from ksql_engine.state.rocks import Offsets, RocksState, shared_cache

EXACTLY = {"processing.guarantee": "exactly_once_v2"}
SOURCE = "CREATE STREAM s (id VARCHAR KEY, n INTEGER) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
COPY = "CREATE STREAM o AS SELECT id, n FROM s WHERE n >= 0;"
STREAM = SOURCE + COPY
TABLE = SOURCE + "CREATE TABLE o AS SELECT id, SUM(n) AS total, COUNT(*) AS c FROM s GROUP BY id;"
UNCACHED = {**EXACTLY, "cache.max.bytes.buffering": "0"}
Crash = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


def put(broker: MemoryBroker, *numbers: int) -> None:
    for number in numbers:
        broker.memory.append(Message("s", b"a", json.dumps({"N": number}).encode(), 1))


def written(broker: MemoryBroker, topic: str = "O") -> list[Any]:
    return [json.loads(one.value or b"null") for one in broker.memory.partitions(topic)[0]]


def sums(count: int) -> list[dict[str, int]]:
    """The rows of TABLE, each of them, after the numbers 1, 2, .. `count`."""
    return [{"TOTAL": sum(range(1, each + 1)), "C": each} for each in range(1, count + 1)]


def run(folder: Path, broker: MemoryBroker) -> Any:
    return engine(folder, broker, MemoryRegistry())


def dead(*_: object) -> None:
    raise SinkFailedError("killed")


def before_kafka(patch: pytest.MonkeyPatch) -> None:
    """Die when the state is prepared, before Kafka's commit."""
    patch.setattr(memory_broker._MemoryTransactions, "commit", dead)


def after_kafka(patch: pytest.MonkeyPatch) -> None:
    """Die after Kafka's commit, before the state's."""
    real = memory_broker._MemoryTransactions.commit

    def commit(self: Any, offsets: Offsets) -> None:
        real(self, offsets)
        patch.setattr(memory_broker._MemoryTransactions, "commit", dead)
        dead()

    patch.setattr(memory_broker._MemoryTransactions, "commit", commit)


def before_anything(patch: pytest.MonkeyPatch) -> None:
    """Die while records are processed."""
    patch.setattr(RocksState, "prepare", dead)


CRASHES = [before_anything, before_kafka, after_kafka]


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize(
    ("statements", "expected"),
    [(STREAM, [{"N": n} for n in range(1, 7)]), (TABLE, sums(6))],
    ids=["stream", "table"],
)
def test_a_crash_anywhere_leaves_each_row_once(
    crash: Crash, statements: str, expected: list[Any], tmp_path: Path, broker: MemoryBroker
) -> None:
    with pytest.MonkeyPatch.context() as patch, run(tmp_path, broker) as first:
        execute(first, statements, **UNCACHED)
        put(broker, 1, 2)
        assert until(lambda: len(written(broker)) == 2)
        patch.setattr(RocksState, "settle", dead)  # whoever was killed does not tidy up either
        crash(patch)
        put(broker, 3, 4)
        assert until(lambda: next(iter(first.tasks.values())).error == "killed")
    with run(tmp_path, broker):
        put(broker, 5, 6)
        until(lambda: len(written(broker)) >= 6)
        assert written(broker) == expected


@pytest.mark.parametrize("crash", CRASHES)
def test_a_failed_session_goes_on_where_kafka_is(crash: Crash, tmp_path: Path, broker: MemoryBroker) -> None:
    """In one process: what the stores have at hand must not be older than what a new session finds on disk."""
    with run(tmp_path, broker) as running:
        execute(running, TABLE, **UNCACHED)
        for last in (2, 4, 6):
            put(broker, last - 1)
            until(lambda last=last: len(written(broker)) == last - 1)  # type: ignore[misc]  # mypy wants a plain lambda
            with pytest.MonkeyPatch.context() as patch:
                crash(patch)
                put(broker, last)
                assert until(lambda: next(iter(running.tasks.values())).error == "killed")
            until(lambda last=last: len(written(broker)) >= last)  # type: ignore[misc]  # as above
        assert written(broker) == sums(6)
        assert until(lambda: pulled(running, "SELECT total, c FROM o;", 1) == [(21, 6)])


def test_nothing_of_an_aborted_transaction_is_seen(
    tmp_path: Path, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run(tmp_path, broker) as running:
        execute(running, STREAM, **EXACTLY)
        before_kafka(monkeypatch)
        put(broker, 1)
        assert until(lambda: next(iter(running.tasks.values())).error)
        assert written(broker) == []
        monkeypatch.undo()
        assert until(lambda: written(broker) == [{"N": 1}])


def test_lost_state_is_computed_again_in_silence(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as first:
        execute(first, TABLE, **UNCACHED)
        put(broker, 1, 2, 3)
        assert until(lambda: len(written(broker)) == 3)
    shutil.rmtree(tmp_path / "queries")
    with run(tmp_path, broker) as second:
        put(broker, 4)
        until(lambda: len(written(broker)) >= 4)
        assert written(broker) == sums(4)
        assert pulled(second, "SELECT total, c FROM o;", 1) == [(10, 4)]


def test_lost_state_of_a_query_from_the_end_is_not_guessed(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as first:
        execute(first, SOURCE)
        put(broker, 1)
        more = {"auto.offset.reset": "latest", **UNCACHED}
        execute(first, COPY + "CREATE TABLE t AS SELECT id, SUM(n) AS total FROM s GROUP BY id;", **more)
        assert until(lambda: len(broker.memory.groups) == 2)
        put(broker, 2)
        assert until(lambda: len(written(broker, "T")) == 1 and len(written(broker)) == 1)
    shutil.rmtree(tmp_path / "queries")
    with run(tmp_path, broker) as second:
        put(broker, 3)
        assert until(lambda: written(broker) == [{"N": 2}, {"N": 3}]), "a stream needs no state"
        table = next(task for name, task in second.tasks.items() if name.startswith("CTAS_T"))
        assert until(lambda: table.status == "ERROR")
        assert "is lost" in str(table.error)
        assert len(written(broker, "T")) == 1


def test_who_is_fenced_writes_no_more(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path / "old", broker) as old:
        execute(old, TABLE, **UNCACHED)
        put(broker, 1, 2)
        assert until(lambda: len(written(broker)) == 2)
        with run(tmp_path / "new", broker) as new:
            execute(new, TABLE, **UNCACHED)
            fenced = next(iter(old.tasks.values()))
            put(broker, 3, 4)
            assert until(lambda: fenced.status == "ERROR")
            assert "taken over" in str(fenced.error)
            assert until(lambda: len(written(broker)) == 4)
            put(broker, 5)
            assert until(lambda: len(written(broker)) == 5)
            assert written(broker) == sums(5)
            assert fenced.status == "ERROR"
            assert next(iter(new.tasks.values())).status == "RUNNING"
        put(broker, 6)
        time.sleep(0.7)
        assert written(broker) == sums(5), "the first one has not begun again"


def test_a_query_that_ended_does_not_count_for_one_with_its_id(tmp_path: Path, broker: MemoryBroker) -> None:
    begin = "INSERT INTO o WITH (QUERY_ID='MORE') SELECT id, n + 10 AS n FROM s;"
    with run(tmp_path, broker) as running:
        execute(
            running,
            SOURCE + "CREATE STREAM o (id VARCHAR KEY, n INTEGER) WITH (KAFKA_TOPIC='O', PARTITIONS=1, "
            "VALUE_FORMAT='JSON');" + begin,
            **EXACTLY,
        )
        put(broker, 1)
        assert until(lambda: written(broker) == [{"N": 11}])
        execute(running, "TERMINATE MORE;")
        assert broker.memory.groups == {}
        execute(running, begin, **EXACTLY)
        assert until(lambda: written(broker) == [{"N": 11}] * 2)


def test_what_a_crash_left_of_an_ended_query_is_removed(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as running:
        execute(running, STREAM, **EXACTLY)
        put(broker, 1)
        (query_id,) = running.tasks
        assert until(lambda: broker.memory.groups)
        running.record(f"TERMINATE {query_id};")
    with run(tmp_path, broker):
        assert broker.memory.groups == {}
        assert list((tmp_path / "queries").iterdir()) == []


def test_the_guarantee_may_change_with_the_query(tmp_path: Path, broker: MemoryBroker) -> None:
    again = COPY.replace("CREATE", "CREATE OR REPLACE")
    with run(tmp_path, broker) as running:
        execute(running, STREAM)
        put(broker, 1)
        assert until(lambda: len(written(broker)) == 1)
        execute(running, again, **EXACTLY)
        put(broker, 2)
        assert until(lambda: len(written(broker)) == 2)
        execute(running, again)
        put(broker, 3)
        until(lambda: len(written(broker)) >= 3)
        execute(running, again, **EXACTLY)
        put(broker, 4)
        until(lambda: len(written(broker)) >= 4)
        assert written(broker) == [{"N": n} for n in (1, 2, 3, 4)]


def test_a_failed_log_record_does_not_count(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as running:
        execute(running, STREAM, **EXACTLY)
        broker.memory.append(Message("s", b"a", b"no JSON", 1))
        put(broker, 1)
        assert until(lambda: written(broker) == [{"N": 1}])
        log = broker.memory.partitions(running.settings.processing_log_topic)[0]
        assert [json.loads(one.value or b"")["message"]["type"] for one in log] == [0]


@pytest.mark.parametrize("value", ["exactly_once", "exactly_once_beta", "at_most_once", ""])
def test_other_values_are_refused(value: str, tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as running, pytest.raises(FailedStatement, match="at_least_once, exactly_once_v2"):
        execute(running, f"SET 'processing.guarantee'='{value}';")


def test_statements_show_the_guarantee(tmp_path: Path, broker: MemoryBroker) -> None:
    with run(tmp_path, broker) as running:
        execute(running, "SET 'ksql.streams.processing.guarantee'='exactly_once_v2';" + STREAM)
        (query_id,) = running.tasks
        (told,) = execute(running, f"EXPLAIN {query_id};")
        assert told["queryDescription"]["overriddenProperties"] == EXACTLY
        for given, expected in ({}, "at_least_once"), (EXACTLY, "exactly_once_v2"):
            assert shown(running, given)["ksql.streams.processing.guarantee"] == expected
    with run(tmp_path, broker) as again:
        put(broker, 1)
        assert until(lambda: broker.memory.groups), "a restart keeps it"
        assert set(again.tasks) == {query_id}


def shown(running: Engine, given: Mapping[str, str]) -> dict[str, str]:
    (told,) = execute(running, "SHOW PROPERTIES;", **given)
    return {one["name"]: one["value"] for one in told["properties"]}


def test_prepared_state_counts_if_its_offsets_were_committed(tmp_path: Path) -> None:
    place = ("t", 0)
    state = RocksState(tmp_path / "q", shared_cache())
    store = state.store("x")
    store.put(("a",), 1)
    state.commit({place: 1})
    store.put(("a",), 2)
    state.prepare({place: 2})
    state.roll_back()
    state.settle({place: 1})
    assert (store.get(("a",)), state.offsets()) == (1, {place: 1})
    state.settle({place: 2, ("t", 1): 7})
    assert (store.get(("a",)), state.offsets()) == (2, {place: 2})
    store.put(("a",), 3)
    store.delete(("b",))
    state.prepare({place: 3})
    state.close()
    state = RocksState(tmp_path / "q", shared_cache())
    store = state.store("x")
    state.settle({place: 3})
    assert (store.get(("a",)), state.offsets()) == (3, {place: 3})
    store.put(("a",), 4)
    state.prepare({place: 4})
    state.roll_back()
    store.put(("a",), 5)
    state.commit({place: 5})
    state.settle({place: 4})
    assert (store.get(("a",)), state.offsets()) == (5, {place: 5})
    state.close()


def test_a_memory_transaction_of_an_earlier_owner_is_refused(broker: MemoryBroker) -> None:
    first, second = (broker.transactions("x", "g", lambda: False) for _ in range(2))
    first.open()
    second.open()
    with pytest.raises(FencedError):
        first.commit({})
    with suppress(FencedError):
        second.commit({("s", 0): 1})
    assert broker.memory.groups == {"g": {("s", 0): 1}}


def test_settings_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    given = read_settings(["--property", "ksql.streams.processing.guarantee=exactly_once_v2"])
    assert isinstance(given, EngineSettings)
    with pytest.raises(SystemExit):
        read_settings(["--property", "processing.guarantee=exactly_once"])
    assert "at_least_once, exactly_once_v2" in capsys.readouterr().err
