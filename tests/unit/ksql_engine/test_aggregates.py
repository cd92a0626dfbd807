"""Aggregate functions alone: states that merge like one, and counts that stay bounded."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from ksql_engine.errors import StatementError
from ksql_engine.functions.aggregate import Aggregator, Arguments
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType, array_type, decimal_type


def _made(name: str, *types: SqlType, constants: tuple[Any, ...] | None = None) -> Aggregator:
    held = constants if constants is not None else (None,) * len(types)
    return builtin_functions().aggregates[name].aggregator(Arguments(types, held, {}))


def _state(made: Aggregator, values: list[Any]) -> Any:
    state = made.initial
    for value in values:
        state = made.add(state, value)
    return state


def _shown(made: Aggregator, state: Any) -> Any:
    return state if made.result is None else made.result(state)


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (_made("COUNT", STRING), ["a", None, "b", "a"]),
        (_made("SUM", decimal_type(6, 2)), [Decimal("1.10"), None, Decimal("2.20"), Decimal("3.05")]),
        (_made("AVG", INTEGER), [4, 6, None, 11]),
        (_made("MIN", STRING), ["b", "a", None, "c"]),
        (_made("MAX", DOUBLE), [1.5, None, -2.0, 1.0]),
        (_made("COLLECT_LIST", INTEGER), [1, None, 1, 2]),
        (_made("COLLECT_SET", INTEGER), [1, None, 1, 2]),
        (_made("EARLIEST_BY_OFFSET", INTEGER, INTEGER, constants=(None, 3)), [1, None, 1, 2]),
        (_made("LATEST_BY_OFFSET", INTEGER, BOOLEAN, constants=(None, False)), [1, 3, 2, None]),
        (_made("TOPK", INTEGER, INTEGER, constants=(None, 2)), [5, None, 9, 7]),
        (_made("TOPKDISTINCT", INTEGER, INTEGER, constants=(None, 2)), [9, 9, 9, 7]),
        (_made("HISTOGRAM", STRING), ["a", "b", None, "a"]),
        (_made("ATTR", STRING), ["a", "a", "a", "a"]),
        (_made("STDDEV_SAMP", BIGINT), [3, 5, 9, None]),
        (_made("CORRELATION", DOUBLE, DOUBLE), [(1.0, 2.0), (2.0, None), (3.0, 1.0), (7.0, 5.0)]),
        (_made("SUM_LIST", array_type(INTEGER)), [[1, 2], None, [3], []]),
        (_made("COUNT_DISTINCT", STRING), ["a", "b", "a", None]),
    ],
    ids=lambda one: "" if isinstance(one, Aggregator) else str(one)[:30],
)
def test_two_parts_merge_to_the_whole(made: Aggregator, values: list[Any]) -> None:
    merged = made.merge(_state(made, values[:2]), _state(made, values[2:]))
    assert _shown(made, merged) == pytest.approx(_shown(made, _state(made, values)))


def test_values_of_sessions_merge_in_the_order_of_arrival() -> None:
    made = _made("LATEST_BY_OFFSET", INTEGER, INTEGER, constants=(None, 2))
    later = made.initial
    earlier = made.add(made.initial, 1)
    later = made.add(later, 2)
    earlier = made.add(earlier, 3)
    assert _shown(made, made.merge(later, earlier)) == [2, 3]


def test_undo_takes_back_what_add_gave() -> None:
    for made, values in (
        (_made("STDDEV_SAMPLE", DOUBLE), [1.0, 4.0, 8.0]),
        (_made("AVG", BIGINT), [1, 4, 8]),
        (_made("HISTOGRAM", STRING), ["a", "b", "a"]),
        (_made("SUM_LIST", array_type(INTEGER)), [[1], [2, 3], [4]]),
    ):
        assert made.undo is not None
        held = made.undo(_state(made, values), values[-1])
        assert _shown(made, held) == pytest.approx(_shown(made, _state(made, values[:-1])))


def test_whole_numbers_wrap_and_decimals_do_not() -> None:
    assert _made("SUM", INTEGER).add(2**31 - 1, 1) == -(2**31)
    with pytest.raises(Exception, match="overflow"):
        _made("SUM", decimal_type(2, 0)).add(Decimal(99), Decimal(1))


def test_the_correlation_of_one_point_is_not_a_number() -> None:
    made = _made("CORRELATION", INTEGER, INTEGER)
    assert math.isnan(_shown(made, _state(made, [(1, 2)])))


@pytest.mark.parametrize("count", [400, 3000, 60000])
def test_distinct_values_are_counted_in_bounded_space(count: int) -> None:
    made = _made("COUNT_DISTINCT", INTEGER)
    half = _state(made, list(range(count // 2)))
    state = made.merge(half, _state(made, list(range(count // 3, count))))
    assert _shown(made, state) == (count if count <= 512 else pytest.approx(count, rel=0.06))
    assert len(state) <= 4096


@pytest.mark.parametrize(
    ("name", "types", "constants"),
    [
        ("AVG", (STRING,), (None,)),
        ("MIN", (BOOLEAN,), (None,)),
        ("TOPK", (INTEGER, INTEGER), (None, None)),
        ("CORRELATION", (INTEGER,), (None,)),
        ("LATEST_BY_OFFSET", (INTEGER, STRING), (None, "x")),
        ("HISTOGRAM", (INTEGER,), (None,)),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    name: str, types: tuple[SqlType, ...], constants: tuple[Any, ...]
) -> None:
    with pytest.raises(StatementError, match=f"Function '{name}' does not accept parameters"):
        _made(name, *types, constants=constants)
