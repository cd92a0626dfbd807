"""Any text is a statement or an error with a place; any bytes are a row or an error of the format; rows come back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksql_engine.dialect.parser import parse_statement, split_with_places
from ksql_engine.dialect.variables import substitute
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.errors import DeserializationError, ParseError, StatementError
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.plan.model import Column, FormatSpec
from ksql_engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    SqlType,
    array_type,
    decimal_type,
    map_type,
    struct_type,
)

SCALARS = {
    "INTEGER": (INTEGER, st.integers(-(2**31), 2**31 - 1)),
    "BIGINT": (BIGINT, st.integers(-(2**63), 2**63 - 1)),
    "DOUBLE": (DOUBLE, st.floats(allow_nan=False, allow_infinity=False)),
    "STRING": (STRING, st.text(st.characters(exclude_categories=("Cs",)))),
    "BYTES": (BYTES, st.binary(max_size=20)),
    "BOOLEAN": (BOOLEAN, st.booleans()),
    "DECIMAL": (decimal_type(9, 3), st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: Decimal(n).scaleb(-3))),
    "DATE": (DATE, st.integers(-10_000, 100_000)),
    "TIME": (TIME, st.integers(0, 86_399_999)),
    "TIMESTAMP": (TIMESTAMP, st.integers(0, 4_000_000_000_000)),
}
NESTED: tuple[tuple[SqlType, Any], ...] = (
    (array_type(INTEGER), st.lists(st.none() | SCALARS["INTEGER"][1], max_size=3)),
    (map_type(STRING, DOUBLE), st.dictionaries(st.text(max_size=3), SCALARS["DOUBLE"][1], max_size=3)),
    (struct_type(("A", STRING), ("B", BIGINT)), st.tuples(st.text(max_size=3), st.none() | SCALARS["BIGINT"][1])),
    (array_type(map_type(STRING, struct_type(("X", BOOLEAN)))), st.just([{"k": (True,)}, {}])),
)
FLAT = tuple(Column(f"C{place}", kind) for place, (kind, _) in enumerate(SCALARS.values()))
DEEP = FLAT + tuple(Column(f"N{place}", kind) for place, (kind, _) in enumerate(NESTED))
FLAT_ROWS = st.tuples(*(st.none() | values for _, values in SCALARS.values()))
DEEP_ROWS = st.tuples(*(st.none() | values for _, values in (*SCALARS.values(), *NESTED)))
WORDS = [
    "SELECT",
    "CREATE",
    "STREAM",
    "TABLE",
    "SOURCE",
    "a",
    "`b`",
    "*",
    ",",
    "(",
    ")",
    ";",
    "WITH",
    "AS",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "KEY",
    "PRIMARY",
    "HEADERS",
    "HEADER",
    "'x'",
    "1",
    "1.5",
    "2E400",
    "99999999999999999999",
    "DECIMAL",
    "<",
    ">",
    "ARRAY",
    "MAP",
    "STRUCT",
    "INSERT",
    "INTO",
    "VALUES",
    "ASSERT",
    "TOPIC",
    "SCHEMA",
    "ID",
    "TIMEOUT",
    "ALTER",
    "ADD",
    "COLUMN",
    "DROP",
    "TYPE",
    "DEFINE",
    "=",
    "${v}",
    "SET",
    "UNSET",
    "NOT",
    "NULL",
    "AND",
    "LIMIT",
    "EMIT",
    "CHANGES",
    "=>",
    "->",
    "[",
    "]",
    ".",
    ":=",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=40))
def test_any_text_is_statements_or_an_error_with_a_place(text: str) -> None:
    try:
        for statement, place in split_with_places(text):
            parse_statement(substitute(statement, {"v": "x"}, place), start=place)
    except ParseError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert str(error).startswith(f"line {error.line}:{error.column}: Syntax Error")
    except StatementError as error:
        assert str(error)


def reader_of(name: str, columns: Sequence[Column], is_key: bool = False, wrap: bool = True) -> Any:
    return StandardFormats(MemoryRegistry()).reader(FormatSpec(name, wrap=wrap), columns, is_key)


@pytest.mark.parametrize("name", ["JSON", "AVRO", "DELIMITED"])
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_row_or_an_error_of_the_format(name: str, data: bytes) -> None:
    columns = FLAT if name == "DELIMITED" else DEEP
    try:
        row = reader_of(name, columns)(data)
    except DeserializationError:
        return
    assert row is None or len(row) == len(columns)


@pytest.mark.parametrize("column", FLAT, ids=lambda column: str(column.type))
@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=12))
def test_any_bytes_are_a_single_value_or_an_error_of_the_format(column: Column, data: bytes) -> None:
    names = ["JSON", "AVRO", "DELIMITED"]
    names += ["KAFKA"] if column.type in (INTEGER, BIGINT, DOUBLE, STRING, BYTES) else []
    for name in names:
        try:
            row = reader_of(name, [column], is_key=True)(data)
        except DeserializationError:
            continue
        assert row is None or len(row) == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["c1", "C2", "N0", "n1", "N2", "A"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([column.name for column in DEEP]), JSON_VALUES))
def test_any_json_object_is_a_row_or_an_error_of_the_format(held: dict[str, Any]) -> None:
    try:
        row = reader_of("JSON", DEEP)(json.dumps(held).encode())
    except DeserializationError:
        return
    assert row is not None
    assert len(row) == len(DEEP)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_behind_a_known_schema_are_a_row_or_an_error(body: bytes) -> None:
    formats = StandardFormats(MemoryRegistry())
    header = formats.writer(FormatSpec("AVRO"), DEEP, False, "t-value", "T")((None,) * len(DEEP))
    assert header is not None
    try:
        row = formats.reader(FormatSpec("AVRO"), DEEP, False)(header[:5] + body)
    except DeserializationError:
        return
    assert row is not None
    assert len(row) == len(DEEP)


@pytest.mark.parametrize("name", ["JSON", "AVRO"])
@settings(max_examples=100, deadline=None)
@given(DEEP_ROWS)
def test_nested_rows_come_back(name: str, row: tuple[Any, ...]) -> None:
    formats = StandardFormats(MemoryRegistry())
    data = formats.writer(FormatSpec(name), DEEP, False, "t-value", "T")(row)
    assert data is not None
    assert formats.reader(FormatSpec(name), DEEP, False)(data) == row


@pytest.mark.parametrize("delimiter", [",", "|", " ", "\t"])
@settings(max_examples=100, deadline=None)
@given(FLAT_ROWS)
def test_flat_rows_come_back_as_lines_but_for_empty_texts(delimiter: str, row: tuple[Any, ...]) -> None:
    formats = StandardFormats(MemoryRegistry())
    spec = FormatSpec("DELIMITED", delimiter)
    data = formats.writer(spec, FLAT, False, "", "")(row)
    assert data is not None
    nulls = tuple(None if value in ("", b"") else value for value in row)
    assert formats.reader(spec, FLAT, False)(data) == nulls
