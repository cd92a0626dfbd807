"""Objects read and written by way of a struct are what the general reader and writer make of them, errors too."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ksql_engine.errors import KsqlError
from ksql_engine.formats.json_code import object_reader
from ksql_engine.formats.json_format import general_reader, general_writer, json_reader, json_writer
from ksql_engine.plan.model import Column
from ksql_engine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, array_type, decimal_type

COLUMNS = (Column("id", STRING), Column("N", BIGINT), Column("I", INTEGER), Column("OK", BOOLEAN))
WITH_DOUBLE = (*COLUMNS, Column("D", DOUBLE))
MIXED = (*WITH_DOUBLE, Column("M", decimal_type(9, 2)), Column("É", array_type(STRING)))

NAMES = ['"id"', '"N"', '"I"', '"OK"', '"D"']
ODD_NAMES = ['"ID"', '"n"', '"x"', r'"\u0069d"', '""', r'"\ud800"', '"\x01"', "id", "1", '"ok"', '"é"']
NUMBERS = [
    *("0", "-0", "1", "1.0", "1.5", "-0.0", "1e2", "1E+2", "2147483647", "2147483648", "-2147483649", "01", "-", "+1"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "9" * 30, "1."),
    *("9007199254740993", "9007199254740993.0", "9.3e18", "1e400", "-1e400", "1e-400", "5e-324", ".5", "1_0", "NaN"),
    *("2.4703282292062328e-324", "0." + "1" * 400, "1" * 400, "123456789.123456789123456789", "Infinity", "-Infinity"),
]
TEXTS = [
    *('""', '"a"', '"1"', '"true"', r'"\u0041"', r'"\ud83d\ude00"', r'"\ud83d"', r'"\ude00"', r'"\ud83dx"', '"\x01"'),
    *('"\t"', r'"\n"', r'"\q"', r'"\u12g4"', '"é"', '"😀"', r'"\/"', r'"\u0000"', '"\x00"', '"\x7f"', '"\\"', '"ab'),
]
OTHERS = ["null", "true", "false", "True", "[]", "{}", "nul", "", "[1,]", '{"a":NaN}', '["\x01"]', r'["\ud800"]']
BROKEN = [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b"\xff"]
SPACES = ["", "", "", " ", "\n\t\r ", "\f", "\xa0", "\x00", "\ufeff", "/**/"]

TOKENS = st.sampled_from([*NUMBERS, *TEXTS, *OTHERS]).map(str.encode) | st.sampled_from(BROKEN)
FITTING = {
    '"id"': st.sampled_from(['"a"', r'"\u0041b"', "null", '"é"']),
    '"N"': st.sampled_from(["1", "null", "-5", "9223372036854775807"]),
    '"I"': st.sampled_from(["1", "null", "-2147483648"]),
    '"OK"': st.sampled_from(["true", "false", "null"]),
    '"D"': st.sampled_from(["1.5", "1", "null", "-0.0", "1e3", "0.1"]),
}


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """An object as the columns want it, with up to two things changed, added or left out, and odd ends."""
    members = [[name.encode(), draw(FITTING[name]).encode()] for name in draw(st.permutations(NAMES))]
    for change in draw(st.lists(st.sampled_from(["value", "value", "name", "more", "twice", "less"]), max_size=2)):
        place = draw(st.integers(0, len(members) - 1))
        if change == "value":
            members[place][1] = draw(TOKENS)
        elif change == "name":
            members[place][0] = draw(st.sampled_from(ODD_NAMES)).encode()
        elif change == "more":
            members.insert(place, [draw(st.sampled_from([*NAMES, *ODD_NAMES])).encode(), draw(TOKENS)])
        elif change == "twice":
            members.insert(place, [members[-1][0], draw(TOKENS)])
        else:
            del members[place]
    space = draw(st.sampled_from(SPACES)).encode()
    whole = b"{" + b",".join(space + name + b":" + space + value for name, value in members) + b"}" + space
    return whole + draw(st.sampled_from([b"", b"", b"", b"x", b"{}", b" null", b"\x00"]))


def outcome(call: Callable[[Any], Any], given: Any) -> str:
    """What a call returns or raises; -0.0, 1 and True differ."""
    try:
        return repr(call(given))
    except KsqlError as error:
        return f"{type(error).__name__}: {error}"


@settings(max_examples=500)
@given(documents() | TOKENS | st.binary(max_size=6), st.sampled_from([COLUMNS, WITH_DOUBLE, COLUMNS[1:3]]))
@example(b"", COLUMNS)
@example(b"null", COLUMNS)
@example(b'{"id":"a","N":1,"I":1,"OK":true,"x":"\xff"}', COLUMNS)
def test_what_is_read_is_what_the_general_reader_reads(data: bytes, columns: tuple[Column, ...]) -> None:
    assert outcome(json_reader(columns, True), data) == outcome(general_reader(columns, True), data)


PLAIN = (
    st.none() | st.text(),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.booleans(),
)
MORE = (
    st.none() | st.floats(),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
)


@given(st.tuples(*PLAIN))
def test_what_is_written_is_what_the_general_writer_writes(row: tuple[Any, ...]) -> None:
    assert outcome(json_writer(COLUMNS, True), row) == outcome(general_writer(COLUMNS, True), row)


@given(st.tuples(*PLAIN, *MORE))
def test_columns_of_other_types_are_written_as_ever(row: tuple[Any, ...]) -> None:
    assert outcome(json_writer(MIXED, True), row) == outcome(general_writer(MIXED, True), row)


def test_objects_are_written_without_the_general_writer_and_read_without_the_general_reader() -> None:
    row = ("é\n\"'\\\u2028", 2**63 - 1, None, True, 0.5)

    def never(_data: bytes) -> Any:
        raise AssertionError("the general reader was asked")

    data = json_writer(WITH_DOUBLE, True)(row)
    assert data is not None
    assert json.loads(data) == dict(zip(("id", "N", "I", "OK", "D"), row, strict=True))
    assert object_reader(WITH_DOUBLE, never)(data) == row
    assert object_reader(COLUMNS, never)(data) == row[:4]


@pytest.mark.parametrize("name", ['"', "\\", "a\nb", "é", "", " "])
def test_names_that_json_escapes_are_written_and_read(name: str) -> None:
    columns = (Column(name, STRING), Column("other", BIGINT))
    data = json_writer(columns, True)(("a", 1))
    assert data is not None
    assert json.loads(data) == {name: "a", "other": 1}
    assert json_reader(columns, True)(data) == ("a", 1)


def test_names_are_taken_in_any_case_and_numbers_as_text() -> None:
    assert json_reader(COLUMNS, True)(b'{"ID": "a", "n": "1", "I": 2}') == ("a", 1, 2, None)


def test_decimals_keep_their_digits() -> None:
    columns = (Column("M", decimal_type(30, 2)),)
    assert json_writer(columns, True)((Decimal("12345678901234567890.10"),)) == b'{"M":12345678901234567890.10}'
