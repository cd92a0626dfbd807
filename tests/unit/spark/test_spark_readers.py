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


def fits(_: str) -> bool:
    """Every schema does."""
    return True


def later(*fields: Any, without: str = "", **changes: Any) -> Schema:
    """Our schema with other fields, as a sender has it."""
    kept = [field for field in OURS["fields"] if field["name"] != without]
    return {**json.loads(json.dumps({**OURS, "fields": kept})), **changes} | {"fields": [*kept, *fields]}


def test_a_new_optional_field_is_added() -> None:
    assert added_fields(OURS, OURS, fits) == []
    assert added_fields(OURS, later(STRING), fits) == [STRING]
    assert added_fields(OURS, later({"name": "campaign", "type": "string", "default": "none", "doc": "x"}), fits) == [
        STRING
    ]
    assert added_fields(OURS, later({"name": "n", "type": ["int", "null"], "default": 0}), fits) == [
        {"name": "n", "type": ["null", "int"], "default": None}
    ]
    nested = {"type": "record", "name": "Gift", "fields": [{"name": "note", "type": "string"}]}
    (gift,) = added_fields(OURS, later({"name": "gift", "type": ["null", nested], "default": None}), fits)
    assert gift["type"] == ["null", nested]


@pytest.mark.parametrize(
    "writer",
    [
        later(STRING, name="AnotherEvent"),
        later(STRING, without="order_id"),
        later({**STRING, "name": "CHANNEL"}),
        later({**STRING, "name": "_offset"}),
        later({"name": "nothing", "type": "null"}),
        later({"name": "other", "type": ["null", "DefinedElsewhere"], "default": None}),
        {"type": "array", "items": "string"},
        {"type": "enum", "name": "OrderPlaced", "symbols": ["a"]},
    ],
)
def test_what_cannot_be_a_column_is_not(writer: Schema) -> None:
    assert added_fields(OURS, writer, fits) == []


def test_a_field_with_a_default_may_be_missing_from_the_writer() -> None:
    assert added_fields(OURS, later(STRING, without="channel"), fits) == [STRING]


def test_each_field_is_tried_with_those_before_it() -> None:
    tried: list[list[str]] = []

    def only_strings(schema: str) -> bool:
        fields = json.loads(schema)["fields"][len(OURS["fields"]) :]
        tried.append([field["name"] for field in fields])
        return all(field["type"] == ["null", "string"] for field in fields)

    writer = later(STRING, {"name": "n", "type": "int", "default": 0}, {**STRING, "name": "source"})
    assert [field["name"] for field in added_fields(OURS, writer, only_strings)] == ["campaign", "source"]
    assert tried == [["campaign"], ["campaign", "n"], ["campaign", "source"]]


def test_added_fields_outlive_the_process(tmp_path: Path) -> None:
    readers = Readers(tmp_path, {ORDER_PLACED: OURS})
    assert readers.extend(ORDER_PLACED, json.dumps(later(STRING)), fits) == ["campaign"]
    assert readers.extend(ORDER_PLACED, json.dumps(later(STRING)), fits) == []
    assert readers.extend(ORDER_PLACED, json.dumps(later({"name": "n", "type": "int", "default": 0})), fits) == ["n"]
    assert readers.extend(ORDER_PLACED, None, fits) == []
    again = Readers(tmp_path, {ORDER_PLACED: OURS})
    assert again.texts == readers.texts
    names = [field["name"] for field in json.loads(again.text(ORDER_PLACED))["fields"]]
    assert names == [*(field["name"] for field in OURS["fields"]), "campaign", "n"]
    fastavro.parse_schema(json.loads(again.text(ORDER_PLACED)))


def test_the_projects_schema_may_take_over_an_added_field(tmp_path: Path) -> None:
    Readers(tmp_path, {ORDER_PLACED: OURS}).extend(ORDER_PLACED, json.dumps(later(STRING)), fits)
    theirs = {**STRING, "doc": "the campaign that led to the order"}
    assert json.loads(Readers(tmp_path, {ORDER_PLACED: later(theirs)}).text(ORDER_PLACED)) == later(theirs)
