"""What a later version of a schema adds to the one that records are read as. No service, no Spark."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from contracts.marketing import MARKETING, ORDER_PLACED
from contracts.schemas import load_schema
from spark.runtime.readers import Readers, Schema, added_fields

OURS = load_schema(MARKETING, ORDER_PLACED)
STRING: Schema = {"name": "campaign", "type": ["null", "string"], "default": None}


def later(*fields: Any, without: str = "", **changes: Any) -> Schema:
    """Our schema with other fields, as a sender has it."""
    kept = [field for field in OURS["fields"] if field["name"] != without]
    return {**json.loads(json.dumps({**OURS, "fields": kept})), **changes} | {"fields": [*kept, *fields]}


def test_a_new_optional_field_is_added() -> None:
    assert added_fields(OURS, OURS) == []
    assert added_fields(OURS, later(STRING)) == [STRING]
    assert added_fields(OURS, later({"name": "campaign", "type": "string", "default": "none", "doc": "x"})) == [STRING]
    assert added_fields(OURS, later({"name": "n", "type": ["int", "null"], "default": 0})) == [
        {"name": "n", "type": ["null", "int"], "default": None}
    ]
    nested = {"type": "record", "name": "Gift", "fields": [{"name": "note", "type": "string"}]}
    (gift,) = added_fields(OURS, later({"name": "gift", "type": ["null", nested], "default": None}))
    assert gift["type"] == ["null", nested]


@pytest.mark.parametrize(
    "writer",
    [
        later(STRING, name="AnotherEvent"),
        later(STRING, without="order_id"),
        later({**STRING, "name": "CHANNEL"}),
        later({**STRING, "name": "_offset"}),
        later({"name": "nothing", "type": "null"}),
        later({"name": "at", "type": {"type": "long", "logicalType": "local-timestamp-millis"}, "default": 0}),
        later({"name": "other", "type": ["null", "DefinedElsewhere"], "default": None}),
        {"type": "array", "items": "string"},
        {"type": "enum", "name": "OrderPlaced", "symbols": ["a"]},
    ],
)
def test_what_cannot_be_a_column_is_not(writer: Schema) -> None:
    assert added_fields(OURS, writer) == []


def test_a_field_with_a_default_may_be_missing_from_the_writer() -> None:
    assert added_fields(OURS, later(STRING, without="channel")) == [STRING]


def test_added_fields_outlive_the_process(tmp_path: Path) -> None:
    readers = Readers(tmp_path, {ORDER_PLACED: OURS})
    assert readers.extend(ORDER_PLACED, json.dumps(later(STRING))) == ["campaign"]
    assert readers.extend(ORDER_PLACED, json.dumps(later(STRING))) == []
    assert readers.extend(ORDER_PLACED, json.dumps(later({"name": "n", "type": "int", "default": 0}))) == ["n"]
    assert readers.extend(ORDER_PLACED, None) == []
    again = Readers(tmp_path, {ORDER_PLACED: OURS})
    assert again.texts == readers.texts
    names = [field["name"] for field in json.loads(again.text(ORDER_PLACED))["fields"]]
    assert names == [*(field["name"] for field in OURS["fields"]), "campaign", "n"]
    fastavro.parse_schema(json.loads(again.text(ORDER_PLACED)))


def test_the_projects_schema_may_take_over_an_added_field(tmp_path: Path) -> None:
    Readers(tmp_path, {ORDER_PLACED: OURS}).extend(ORDER_PLACED, json.dumps(later(STRING)))
    theirs = {**STRING, "doc": "the campaign that led to the order"}
    assert json.loads(Readers(tmp_path, {ORDER_PLACED: later(theirs)}).text(ORDER_PLACED)) == later(theirs)
