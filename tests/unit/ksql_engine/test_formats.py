"""Bytes to rows and back, and what is not a record."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksql_engine.driver.memory import MemoryRegistry
from ksql_engine.errors import DeserializationError
from ksql_engine.formats.avro_schema import VALUE_NAME, record_schema
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.plan.model import Column, FormatSpec
from ksql_engine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, array_type, decimal_type, map_type, struct_type

COLUMNS = (
    Column("ID", STRING),
    Column("N", BIGINT),
    Column("D", DOUBLE),
    Column("OK", BOOLEAN),
    Column("M", decimal_type(6, 2)),
    Column("ITEMS", array_type(struct_type(("SKU", STRING), ("Q", INTEGER)))),
    Column("TAGS", map_type(STRING, INTEGER)),
)
ROWS = [
    ("a", 2**60, 1.5, True, Decimal("12.30"), [("x", 1), ("y", None)], {"k": 1}),
    (None,) * 7,
    ('"quoted" ü', -1, -0.0, False, Decimal("-0.01"), [], {}),
]


@pytest.fixture
def formats() -> StandardFormats:
    return StandardFormats(MemoryRegistry())


@pytest.mark.parametrize("name", ["JSON", "AVRO"])
@pytest.mark.parametrize("row", ROWS)
def test_rows_come_back(formats: StandardFormats, name: str, row: tuple[Any, ...]) -> None:
    data = formats.writer(FormatSpec(name), COLUMNS, False, "t-value", "T")(row)
    assert data is not None
    assert formats.reader(FormatSpec(name), COLUMNS, False)(data) == row


@pytest.mark.parametrize(
    ("kind", "value", "data"),
    [
        (STRING, "ü", "ü".encode()),
        (INTEGER, -2, struct.pack(">i", -2)),
        (BIGINT, 7, struct.pack(">q", 7)),
        (DOUBLE, 0.5, struct.pack(">d", 0.5)),
    ],
)
def test_kafka_keys_are_kafkas_own(formats: StandardFormats, kind: Any, value: Any, data: bytes) -> None:
    column = (Column("K", kind),)
    assert formats.writer(FormatSpec("KAFKA"), column, True, "t-key", "T")((value,)) == data
    assert formats.reader(FormatSpec("KAFKA"), column, True)(data) == (value,)


def test_delimited_lines(formats: StandardFormats) -> None:
    columns = (Column("A", STRING), Column("B", INTEGER), Column("C", decimal_type(4, 2)))
    write = formats.writer(FormatSpec("DELIMITED"), columns, False, "", "")
    read = formats.reader(FormatSpec("DELIMITED"), columns, False)
    assert write(("x,y", None, Decimal("1.50"))) == b'"x,y",,1.50'
    assert read(b'"x,y",,1.50') == ("x,y", None, Decimal("1.50"))
    with pytest.raises(DeserializationError, match="Unexpected field count"):
        read(b"a,1")


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (b'{"id": "a", "n": 1}', ("a", 1)),
        (b'{"ID": {"x": 1}, "N": "12"}', ('{"x":1}', 12)),
        (b'{"ID": 5, "extra": 1}', ("5", None)),
        (b"null", None),
        (b"", None),
    ],
)
def test_json_is_read_leniently(formats: StandardFormats, text: bytes, row: Any) -> None:
    assert formats.reader(FormatSpec("JSON"), COLUMNS[:2], False)(text) == row


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[1]",
        b"\xff\xfe",
        b'{"N": "x"}',
        b'{"N": true}',
        b'{"N": 99999999999999999999}',
    ],
)
def test_json_that_is_no_record(formats: StandardFormats, text: bytes) -> None:
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("JSON"), COLUMNS[:2], False)(text)


def test_avro_is_read_with_its_writers_schema_in_any_case() -> None:
    registry = MemoryRegistry()
    formats = StandardFormats(registry)
    written = (Column("n", INTEGER), Column("items", array_type(struct_type(("q", INTEGER), ("sku", STRING)))))
    data = formats.writer(FormatSpec("AVRO"), written, False, "t-value", "T")((5, [(1, "x")]))
    assert data is not None
    columns = (Column("ID", STRING), COLUMNS[1], COLUMNS[5])
    assert formats.reader(FormatSpec("AVRO"), columns, False)(data) == (None, 5, [("x", 1)])


def test_the_registered_schema_has_nullable_fields() -> None:
    schema = record_schema(COLUMNS[:2], VALUE_NAME)
    assert schema["connect.name"] == "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema"
    assert schema["fields"][0] == {"name": "ID", "type": ["null", "string"], "default": None}


@given(st.binary(max_size=60))
def test_random_bytes_are_a_row_or_an_error(data: bytes) -> None:
    formats = StandardFormats(MemoryRegistry())
    formats.writer(FormatSpec("AVRO"), COLUMNS, False, "t-value", "T")
    for payload in (data, b"\x00\x00\x00\x00\x01" + data):
        for name in ("AVRO", "JSON"):
            try:
                formats.reader(FormatSpec(name), COLUMNS, False)(payload)
            except DeserializationError:
                continue


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (INTEGER, "1_0"),
        (INTEGER, " 1"),
        (INTEGER, "1.0"),
        (INTEGER, "2147483648"),
        (BIGINT, "٣"),
        (DOUBLE, "1_0"),
        (DOUBLE, "inf"),
        (DOUBLE, "nan"),
        (decimal_type(6, 2), "NaN"),
        (decimal_type(6, 2), "1.234"),
        (decimal_type(6, 2), "0x1"),
        (decimal_type(6, 2), "1e99999999999999999999"),
    ],
)
def test_text_that_java_does_not_read_as_a_number_is_refused(formats: StandardFormats, kind: Any, text: str) -> None:
    column = (Column("V", kind),)
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("DELIMITED"), column, False)(text.encode())
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("JSON", wrap=False), column, False)(f'"{text}"'.encode())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (INTEGER, "+7", 7),
        (DOUBLE, " 1e3d", 1000.0),
        (DOUBLE, "-Infinity", float("-inf")),
        (decimal_type(6, 2), "1e2", Decimal("100.00")),
        (decimal_type(6, 2), "0e99", Decimal("0.00")),
    ],
)
def test_text_that_java_reads_as_a_number_is_taken(formats: StandardFormats, kind: Any, text: str, value: Any) -> None:
    column = (Column("V", kind),)
    assert formats.reader(FormatSpec("DELIMITED"), column, False)(text.encode()) == (value,)
    assert formats.reader(FormatSpec("JSON", wrap=False), column, False)(f'"{text}"'.encode()) == (value,)


def test_a_json_number_beyond_all_decimals_is_refused(formats: StandardFormats) -> None:
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("JSON"), (Column("V", decimal_type(4, 1)),), False)(b'{"V": 1e99999999999999999999}')


@pytest.mark.parametrize("data", [b"NaN", b'{"V": Infinity}', b"[1]", b"1", b'{"V": 1', b"\xff"])
def test_what_is_no_json_object_is_refused(formats: StandardFormats, data: bytes) -> None:
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("JSON"), (Column("V", DOUBLE), Column("W", STRING)), False)(data)


@pytest.mark.parametrize("data", [b'"a', b'"a"b,1', b"a", b"a,1,2", b"\xff,1"])
def test_what_is_no_line_of_the_columns_is_refused(formats: StandardFormats, data: bytes) -> None:
    with pytest.raises(DeserializationError):
        formats.reader(FormatSpec("DELIMITED"), (Column("V", STRING), Column("W", INTEGER)), False)(data)


def test_text_columns_take_any_json_with_its_digits(formats: StandardFormats) -> None:
    read = formats.reader(FormatSpec("JSON"), (Column("V", STRING), Column("D", DOUBLE)), False)
    assert read(b'{"V": 1.10, "D": 1.10}') == ("1.10", 1.1)
    assert read(b'{"V": {"a": [1.50, 2e2, null, true, "\xc3\xbc\\n"]}, "D": 1}') == (
        '{"a":[1.50,2E+2,null,true,"ü\\n"]}',
        1.0,
    )
    assert read(b'{"V": 7, "D": 1e999}') == ("7", float("inf"))


def test_a_whole_number_beyond_all_bounds_is_refused_at_once(formats: StandardFormats) -> None:
    read = formats.reader(FormatSpec("JSON"), (Column("V", STRING), Column("N", BIGINT)), False)
    with pytest.raises(DeserializationError):
        read(b'{"N": 1e999999999}')
