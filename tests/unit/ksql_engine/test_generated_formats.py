"""Generated readers and writers of Avro do what the general ones do, or leave it to them."""

from __future__ import annotations

import io
import struct
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksql_engine.formats.avro_code import record_writer, row_reader
from ksql_engine.plan.model import Column
from ksql_engine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, array_type, struct_type

PLAIN = (Column("id", STRING), Column("N", BIGINT), Column("I", INTEGER), Column("OK", BOOLEAN))
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**42), 2**42) | st.integers(-(2**14), 2**14)
SMALL = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN_ROWS = st.tuples(*(st.none() | each for each in (TEXT, WHOLE, SMALL, st.booleans())))

ITEM = {"type": "record", "name": "Item", "fields": [{"name": "SKU", "type": "string"}, {"name": "Q", "type": "int"}]}
FIELDS = [
    {"name": "ID", "type": ["null", "string"], "default": None},
    {"name": "SKIPPED", "type": ["string", "null"]},
    {"name": "N", "type": "long"},
    {"name": "D", "type": ["double", "null"]},
    {"name": "OK", "type": ["null", "boolean"]},
    {"name": "ITEMS", "type": {"type": "array", "items": ITEM}},
]
SCHEMA = {"type": "record", "name": "Row", "fields": FIELDS}
COLUMNS = (
    Column("items", array_type(struct_type(("Q", INTEGER), ("SKU", STRING), ("GONE", STRING)))),
    Column("id", STRING),
    Column("N", BIGINT),
    Column("D", DOUBLE),
    Column("OK", BOOLEAN),
)
RECORDS = st.fixed_dictionaries(
    {
        "ID": st.none() | TEXT,
        "SKIPPED": st.none() | TEXT,
        "N": WHOLE,
        "D": st.none() | st.floats(allow_nan=False),
        "OK": st.none() | st.booleans(),
        "ITEMS": st.lists(st.fixed_dictionaries({"SKU": TEXT, "Q": SMALL}), max_size=3),
    }
)


def written(record: dict[str, Any], schema: Any = SCHEMA) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


@given(RECORDS)
def test_avro_records_are_read(record: dict[str, Any]) -> None:
    read = row_reader(SCHEMA, COLUMNS)
    assert read is not None
    items = [(item["Q"], item["SKU"], None) for item in record["ITEMS"]]
    row = (items, record["ID"], record["N"], record["D"], record["OK"])
    assert read(b"head" + written(record), 4) == row


@given(RECORDS)
def test_avro_that_is_cut_short_is_refused(record: dict[str, Any]) -> None:
    read, data = row_reader(SCHEMA, COLUMNS), written(record)
    assert read is not None
    for length in range(len(data)):
        with pytest.raises((EOFError, IndexError, ValueError, struct.error)):
            read(data[:length], 0)


@pytest.mark.parametrize("kind", ["bytes", "float", {"type": "map", "values": "int"}, ["null", "int", "string"]])
def test_avro_of_other_types_is_left_to_the_general_reader(kind: Any) -> None:
    schema = {"type": "record", "name": "Row", "fields": [{"name": "ID", "type": kind}]}
    assert row_reader(schema, (Column("ID", STRING),)) is None


@given(PLAIN_ROWS, st.none() | st.floats(allow_nan=False))
def test_avro_records_are_written(row: tuple[Any, ...], number: float | None) -> None:
    columns = (*PLAIN, Column("D", DOUBLE))
    kinds = ("string", "long", "int", "boolean", "double")
    fields = [{"name": column.name, "type": ["null", kind]} for column, kind in zip(columns, kinds, strict=True)]
    write = record_writer({"type": "record", "name": "Row", "fields": fields}, columns, b"head")
    assert write is not None
    record = dict(zip((column.name for column in columns), (*row, number), strict=True))
    assert write((*row, number)) == b"head" + written(record, {"type": "record", "name": "Row", "fields": fields})


def test_avro_with_other_fields_is_left_to_the_general_writer() -> None:
    assert record_writer(SCHEMA, COLUMNS, b"") is None
