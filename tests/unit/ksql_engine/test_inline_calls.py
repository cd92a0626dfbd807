"""Calls written as expressions give what the functions behind them give."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from expression_world import COLUMNS, FUNCTIONS, ROW, compiled
from hypothesis import example, given
from hypothesis import strategies as st

from ksql_engine.expressions.arithmetic import CONTEXT
from ksql_engine.functions.numbers import _round_places
from ksql_engine.types import DOUBLE, INTEGER, STRING, SqlType

TEXT = st.none() | st.text(max_size=6)
NUMBER = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1.0])
PLACES = {name: place for place, name in enumerate(COLUMNS)}


def over(text: str, **columns: Any) -> Any:
    """The value of an expression over a row with these columns."""
    row = list(ROW)
    for name, held in columns.items():
        row[PLACES[name]] = held
    return compiled(text).call((), tuple(row), refuse_reports)


def refuse_reports(message: str, error: Exception) -> None:
    raise AssertionError(message) from error


def function(name: str, kinds: list[SqlType]) -> Callable[..., Any]:
    """The function behind a name, null for null arguments where it is not given them."""
    found = FUNCTIONS.resolve(name, kinds)
    call = found.call
    return call if found.overload.nulls else lambda *args: None if None in args else call(*args)


@given(TEXT, TEXT, TEXT)
@pytest.mark.parametrize("name", ["GREATEST", "LEAST", "COALESCE", "CONCAT"])
def test_of_several_texts(name: str, one: str | None, two: str | None, three: str | None) -> None:
    columns = {"S": one, "NS": two}
    call = function(name, [STRING] * 3)
    assert over(f"{name}(s, ns, ucase(s))", **columns) == call(one, two, None if one is None else one.upper())
    assert over(f"{name}(s, 'm', ns)", **columns) == call(one, "m", two)
    assert over(f"{name}('m', s, ns)", **columns) == call("m", one, two)
    assert over(f"{name}(s, null, ns)", **columns) == call(one, None, two)


@given(NUMBER, NUMBER)
@pytest.mark.parametrize("name", ["GREATEST", "LEAST"])
def test_of_numbers(name: str, one: float | None, two: float | None) -> None:
    row = (*ROW[: PLACES["D"]], one, *ROW[PLACES["D"] + 1 :])
    expected = function(name, [DOUBLE] * 3)(one, 1.0, one)
    assert repr(compiled(f"{name}(d, 1.0e0, d)").call((), row)) == repr(expected)
    assert over(f"{name}(i, n, 3)", I=2, N=None) == function(name, [INTEGER] * 3)(2, None, 3)


@given(TEXT, st.integers(-8, 8), st.integers(-3, 8), st.sampled_from(["", "0", "ab"]))
def test_of_one_text_with_literals(text: str | None, position: int, length: int, padding: str) -> None:
    part, cut = function("SUBSTRING", [STRING, INTEGER]), function("SUBSTRING", [STRING, INTEGER, INTEGER])
    assert over(f"substring(s, {position})", S=text) == part(text, position)
    assert over(f"substring(s, {position}, {length})", S=text) == cut(text, position, length)
    for name in ("LPAD", "RPAD"):
        pad = function(name, [STRING, INTEGER, STRING])
        assert over(f"{name}(s, {length}, '{padding}')", S=text) == pad(text, length, padding)


@given(st.none() | st.text("abc\n-"))
@pytest.mark.parametrize("pattern", ["^a{2}-b$", "", "(a)|b", "c*"])
def test_of_a_pattern(pattern: str, text: str | None) -> None:
    expected = function("REGEXP_EXTRACT", [STRING, STRING])(pattern, text)
    assert over(f"regexp_extract('{pattern}', s)", S=text) == expected
    assert over(f"regexp_extract('{pattern}', s) IS NOT NULL", S=text) is (expected is not None)


def test_arguments_that_fail_are_reported_though_they_do_not_count() -> None:
    reports: list[str] = []
    call = compiled("coalesce(s, cast(1 / 0 as string))").call
    assert call((), ROW, lambda message, _error: reports.append(message)) == "text"
    assert reports == ["Error computing argument for function"]


def test_patterns_that_are_none_fail_where_they_are_used() -> None:
    with pytest.raises(Exception, match="Invalid regular expression"):
        compiled("regexp_extract('(', s)").call((), ROW)


def test_casts_of_literals_that_fail_do_so_where_they_are_used() -> None:
    assert over("cast('12' as bigint)") == 12
    assert over("cast(-5 as string)") == "-5"
    with pytest.raises(Exception, match="For input string"):
        compiled("cast('x' as int)").call((), ROW)


def rounded(value: float, places: int) -> float:
    """Half up at the decimal text of the double, in steps that are exact."""
    if not math.isfinite(value):
        return value
    exact = CONTEXT.scaleb(Decimal(repr(value)), places)
    nearest = CONTEXT.add(exact, Decimal("0.5")).to_integral_value(ROUND_FLOOR)
    return float(CONTEXT.scaleb(nearest, -places))


HALVES = st.builds(
    lambda whole, places, ulps: _moved((2 * whole + 1) / (2 * 10**places), ulps),
    st.integers(-(10**13), 10**13),
    st.integers(0, 9),
    st.integers(-2, 2),
)


def _moved(value: float, ulps: int) -> float:
    for _ in range(abs(ulps)):
        value = math.nextafter(value, math.copysign(math.inf, ulps))
    return value


@given(st.floats() | HALVES | st.floats(-1000, 1000), st.integers(-2, 12))
@example(2.675, 2)
@example(0.125, 2)
@example(-0.001, 2)
@example(-0.0, 2)
@example(0.995, 2)
@example(1.005, 2)
def test_round_is_exact(value: float, places: int) -> None:
    assert repr(_round_places(value, places)) == repr(rounded(value, places))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ["substring(cast(null as varchar), 2)", "lpad(null, 3, 'x')", "rpad(null, 3, 'x')"])
def test_a_literal_null_has_no_code_that_python_warns_of(text: str) -> None:
    assert over(text) is None
