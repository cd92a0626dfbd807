"""Windows over records: what is late, what is final, what is forgotten, and what survives a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ksql_engine.dialect.parser import parse_statement, split_statements
from ksql_engine.dialect.statements import CreateAsSelect, CreateSource
from ksql_engine.errors import StatementError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.operators.endpoints import Message
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.operators.result import RESULT
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import QueryPlan
from ksql_engine.plan.sources import plan_create_as
from ksql_engine.state.rocks import RocksState, shared_cache
from ksql_engine.state.store import MemoryState, State

_SOURCE = "CREATE STREAM S (K STRING KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"


def _plan(window: str, rest: str = "") -> QueryPlan:
    metastore = Metastore()
    query = " ".join(("CREATE TABLE T AS SELECT K, SUM(V) AS N FROM S WINDOW", window, "GROUP BY K", rest, ";"))
    for one in split_statements(_SOURCE + query):
        statement = parse_statement(one, {})
        if isinstance(statement, CreateSource):
            metastore.sources["S"] = plan_source(statement, metastore)
        elif isinstance(statement, CreateAsSelect):
            return plan_create_as(statement, metastore, builtin_functions())
    raise AssertionError("no query")


class _Run:
    """A query over records given as (key, value, time[, partition]); `out` holds (key, value, time) as they come."""

    def __init__(self, plan: QueryPlan, state: State) -> None:
        self.out: list[tuple[Any, Any, int]] = []
        outputs = Outputs(lambda *record: self.out.append(record), _fail, _fail)
        self._pipeline = Pipeline(plan, StandardFormats(None), state, outputs)
        self.take_late = self._pipeline.take_late

    def give(self, *records: tuple[Any, ...]) -> list[tuple[Any, Any, int]]:
        """Process records and return what comes out."""
        self.out.clear()
        for key, value, time, *partition in records:
            data = f'{{"V": {value}}}'.encode()
            self._pipeline.process(Message("s", key.encode(), data, time, *partition))
        return list(self.out)


def _fail(*problem: object) -> None:
    raise AssertionError(problem)


@pytest.fixture(params=["memory", "rocks"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    return MemoryState() if request.param == "memory" else RocksState(tmp_path / "q", shared_cache())


def test_each_partition_of_the_key_has_its_own_time(state: State) -> None:
    run = _Run(_plan("TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 0 SECONDS)"), state)
    run.give(("a", 1, 100, 0))
    assert run.give(("a", 1, 50, 0)) == []
    assert run.give(("b", 1, 50, 1)) == [(("b", 50, 60), (1,), 50)]


@pytest.mark.parametrize(
    ("window", "late"),
    [
        ("TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 0 SECONDS)", [0, 1, 1]),
        ("HOPPING (SIZE 10 MILLISECONDS, ADVANCE BY 5 MILLISECONDS, GRACE PERIOD 0 SECONDS)", [0, 2, 1]),
        ("SESSION (10 MILLISECONDS, GRACE PERIOD 0 SECONDS)", [0, 1, 0]),
    ],
)
def test_late_records_are_counted_for_each_window_they_miss(state: State, window: str, late: list[int]) -> None:
    run = _Run(_plan(window), state)
    counted = []
    for time in (101, 55, 97):
        run.give(("a", 1, time))
        counted.append(run.take_late())
    assert counted == late


def test_a_window_closes_when_time_has_passed_its_end_and_grace(state: State) -> None:
    run = _Run(_plan("TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)"), state)
    assert run.give(("a", 1, 3), ("a", 2, 14), ("a", 4, 2)) == [
        (("a", 0, 10), (1,), 3),
        (("a", 10, 20), (2,), 14),
        (("a", 0, 10), (5,), 3),
    ]
    assert run.give(("a", 8, 15), ("a", 16, 9)) == [(("a", 10, 20), (10,), 15)]


def test_a_record_counts_in_every_hop_over_it(state: State) -> None:
    run = _Run(_plan("HOPPING (SIZE 10 MILLISECONDS, ADVANCE BY 4 MILLISECONDS)"), state)
    assert [key for key, _, _ in run.give(("a", 1, 3))] == [("a", 0, 10)]
    assert [key for key, _, _ in run.give(("a", 1, 12))] == [("a", 4, 14), ("a", 8, 18), ("a", 12, 22)]


def test_a_record_between_sessions_makes_one_of_them(state: State) -> None:
    run = _Run(_plan("SESSION (5 MILLISECONDS)"), state)
    run.give(("a", 1, 10), ("b", 9, 14), ("a", 2, 20))
    assert run.give(("a", 4, 15)) == [
        (("a", 10, 10), None, 10),
        (("a", 20, 20), None, 20),
        (("a", 10, 20), (7,), 20),
    ]
    assert run.give(("a", 8, 26)) == [(("a", 26, 26), (8,), 26)]
    assert run.give(("a", 8, 26)) == [(("a", 26, 26), (16,), 26)]


def test_final_results_come_once_and_in_order(state: State) -> None:
    window = "TUMBLING (SIZE 10 MILLISECONDS, RETENTION 1 SECOND, GRACE PERIOD 0 SECONDS)"
    run = _Run(_plan(window, "EMIT FINAL"), state)
    assert run.give(("b", 1, 1), ("a", 2, 2), ("a", 4, 3), ("c", 1, 9)) == []
    assert run.give(("z", 1, 10)) == [(("a", 0, 10), (6,), 3), (("b", 0, 10), (1,), 1), (("c", 0, 10), (1,), 9)]
    assert run.give(("z", 1, 11), ("z", 1, 35)) == [(("z", 10, 20), (2,), 11)]
    assert run.give(("z", 1, 36)) == []


def test_having_never_deletes_what_was_never_final(state: State) -> None:
    window = "TUMBLING (SIZE 10 MILLISECONDS, RETENTION 1 SECOND, GRACE PERIOD 0 SECONDS)"
    run = _Run(_plan(window, "HAVING SUM(V) > 1 EMIT FINAL"), state)
    assert run.give(("a", 1, 1), ("b", 2, 2), ("z", 1, 10)) == [(("b", 0, 10), (2,), 2)]


def test_final_sessions_come_when_no_record_can_reach_them(state: State) -> None:
    run = _Run(_plan("SESSION (5 MILLISECONDS, GRACE PERIOD 2 MILLISECONDS)", "EMIT FINAL"), state)
    assert run.give(("a", 1, 1), ("a", 2, 4), ("b", 1, 11)) == []
    assert run.give(("b", 1, 12)) == [(("a", 1, 4), (3,), 4)]


@pytest.mark.parametrize("window", ["TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 0 SECONDS)", "SESSION (3 SECONDS)"])
def test_state_does_not_grow_with_time(state: State, window: str) -> None:
    run = _Run(_plan(window), state)
    held = []
    for day in range(6):
        run.give(*((key, 1, day * 200_000_000 + 4000 * n) for n in range(50) for key in ("a", "b")))
        held.append([len(state.store(name).scan_prefix(())) for name in ("aggregate-1-groups", "aggregate-1-index")])
        held[-1].append(len(state.store(RESULT).scan_prefix(())))
    assert held[1] == held[5]


def test_the_result_holds_a_keys_windows_in_order(state: State) -> None:
    run = _Run(_plan("TUMBLING (SIZE 10 MILLISECONDS)"), state)
    run.give(("a", 1, 25), ("aa", 1, 5), ("a", 2, 3))
    assert [entry[0] for entry in state.store(RESULT).scan_prefix(("a",))] == [("a", 0, 10), ("a", 20, 30)]


def test_times_survive_a_restart(tmp_path: Path) -> None:
    plan = _plan("TUMBLING (SIZE 10 MILLISECONDS, RETENTION 1 SECOND, GRACE PERIOD 0 SECONDS)", "EMIT FINAL")
    state = RocksState(tmp_path / "q", shared_cache())
    _Run(plan, state).give(("a", 1, 1), ("a", 1, 12))
    state.commit({})
    state.close()
    again = _Run(plan, RocksState(tmp_path / "q", shared_cache()))
    assert again.give(("a", 1, 2), ("a", 1, 13)) == []
    assert again.give(("a", 1, 20)) == [(("a", 10, 20), (2,), 13)]


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("HOPPING (SIZE 10 SECONDS, ADVANCE BY 11 SECONDS)", "Window advancement interval"),
        ("TUMBLING (SIZE 0 SECONDS)", "must be larger than zero"),
        ("TUMBLING (SIZE 10 SECONDS, RETENTION 5 SECONDS, GRACE PERIOD 0 SECONDS)", "must be no smaller"),
    ],
)
def test_times_that_do_not_fit_are_refused(window: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        _plan(window)
