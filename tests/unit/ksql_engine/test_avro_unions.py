"""Avro unions of several types: a STRUCT with a field for each branch, of which one has the value."""

from __future__ import annotations

import io
import struct
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.errors import DeserializationError, StatementError
from ksql_engine.formats.avro_types import column_type
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.plan.model import Column, FormatSpec
from ksql_engine.types import Row, SqlType

POINT = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
SIZE = {"type": "record", "name": "Size", "fields": [{"name": "x", "type": "int"}]}


def record(*kinds: Any) -> dict[str, Any]:
    fields = [{"name": f"f{place}", "type": kind} for place, kind in enumerate(kinds)]
    return {"type": "record", "name": "Whole", "namespace": "a.b", "fields": fields}


def read(schema: Any, value: dict[str, Any], kinds: SqlType | None = None) -> Row | None:
    registry = MemoryRegistry()
    number = registry.register("t-value", schema)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    columns = [Column(name, kind) for name, kind in (kinds or column_type(schema, upper=True)).fields]
    return StandardFormats(registry).reader(FormatSpec("AVRO"), columns, False)(
        struct.pack(">bI", 0, number) + out.getvalue()
    )


@pytest.mark.parametrize(
    ("union", "shown"),
    [
        (["int", "string"], "STRUCT<INT INTEGER, STRING STRING>"),
        (["null", "long", "boolean"], "STRUCT<LONG BIGINT, BOOLEAN BOOLEAN>"),
        ([POINT, "null", {"type": "array", "items": "int"}], "STRUCT<POINT STRUCT<X INTEGER>, ARRAY ARRAY<INTEGER>>"),
        (
            [{"type": "enum", "name": "n.Kind", "symbols": ["A"]}, {"type": "map", "values": "bytes"}],
            "STRUCT<KIND STRING, MAP MAP<STRING, BYTES>>",
        ),
        ([{"type": "long", "logicalType": "timestamp-millis"}, "int"], "STRUCT<LONG TIMESTAMP, INT INTEGER>"),
        (["null", "int"], "INTEGER"),
        (["int"], "INTEGER"),
    ],
)
def test_the_type_of_a_union(union: list[Any], shown: str) -> None:
    assert str(dict(column_type(record(union), upper=True).fields)["F0"]).replace("`", "") == shown


def test_names_stay_as_they_are_with_the_id_of_a_schema() -> None:
    kind = dict(column_type(record(["int", POINT]), upper=False).fields)["f0"]
    assert [name for name, _ in kind.fields] == ["int", "Point"]


def test_branches_of_one_name_are_refused() -> None:
    first, second = POINT | {"namespace": "p"}, POINT | {"namespace": "q"}
    with pytest.raises(StatementError, match="several branches called 'POINT'"):
        column_type(record([first, second]), upper=True)
    with pytest.raises(StatementError, match="null"):
        column_type(record(["null"]), upper=True)


def test_each_branch_is_read_into_its_field() -> None:
    schema = record(["null", "int", "long", "string", {"type": "array", "items": ["int", "string"]}])
    assert read(schema, {"f0": None}) == (None,)
    assert read(schema, {"f0": 7}) == ((7, None, None, None),)
    assert read(schema, {"f0": 2**40}) == ((None, 2**40, None, None),)
    assert read(schema, {"f0": "x"}) == ((None, None, "x", None),)
    assert read(schema, {"f0": [1, "y"]}) == ((None, None, None, [(1, None), (None, "y")]),)


def test_records_of_the_same_shape_are_told_apart() -> None:
    schema = record([POINT, SIZE], ["null", "Size", "int"])
    assert read(schema, {"f0": ("a.b.Size", {"x": 3}), "f1": ("a.b.Size", {"x": 4})}) == (
        (None, (3,)),
        ((4,), None),
    )
    assert read(schema, {"f0": ("a.b.Point", {"x": 3}), "f1": 5}) == (((3,), None), (None, 5))


def test_a_column_that_is_no_struct_cannot_hold_a_union() -> None:
    with pytest.raises(DeserializationError, match="Can't convert STRUCT to STRING"):
        read(record(["int", "string"]), {"f0": "x"}, SqlType("STRUCT", fields=(("F0", SqlType("STRING")),)))


def test_a_declared_struct_takes_the_branches_it_names() -> None:
    only = SqlType("STRUCT", fields=(("F0", SqlType("STRUCT", fields=(("STRING", SqlType("STRING")),))),))
    assert read(record(["int", "string"]), {"f0": "x"}, only) == (("x",),)
    assert read(record(["int", "string"]), {"f0": 1}, only) == ((None,),)


def test_unions_of_times_and_decimals() -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    schema = record([{"type": "long", "logicalType": "timestamp-millis"}, decimal])
    assert read(schema, {"f0": 1000}) == ((1000, None),)
    assert read(schema, {"f0": Decimal("1.50")}) == ((None, Decimal("1.50")),)
