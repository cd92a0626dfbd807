"""The audit reads records as the project's schema, whatever versions the registry has. The registry is a table here."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from contracts.marketing import MARKETING, ORDER_PLACED, SEGMENT_MATERIALIZED
from contracts.schemas import load_schema
from scripts.audit.classify import decode
from scripts.audit.registry import Codecs

OURS = load_schema(MARKETING, ORDER_PLACED)
LATER = {**OURS, "fields": [*OURS["fields"], {"name": "campaign", "type": ["null", "string"], "default": None}]}
OTHER_TYPE = {
    **OURS,
    "fields": [{**field, "type": "string"} if field["name"] == "placed_at_ms" else field for field in OURS["fields"]],
}
SEGMENT = {"type": "record", "name": "Segment", "fields": [{"name": "segment", "type": "string"}]}
ORDER: dict[str, Any] = {
    "event_id": "e", "occurred_at_ms": 1, "order_id": "o", "customer_id": "c", "order_total_cents": 1, "items": [],
    "currency": "USD", "channel": None, "placed_at_ms": 1,
}  # fmt: skip


@pytest.fixture
def codecs(monkeypatch: pytest.MonkeyPatch) -> Codecs:
    """Codecs over a registry that knows four schemas."""
    known = dict(enumerate((OURS, LATER, OTHER_TYPE, SEGMENT), 1))

    def get(_: Codecs, path: str) -> Any:
        schema = known.get(int(path.rpartition("/")[2])) if path.startswith("/schemas/ids/") else None
        return {"schema": json.dumps(schema)} if schema else None

    monkeypatch.setattr(Codecs, "_get", get)
    return Codecs("http://nowhere.invalid")


def record(schema: dict[str, Any], value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return b"\0\0\0\0\0" + out.getvalue()


def test_records_of_every_version_are_read_as_ours(codecs: Codecs) -> None:
    for schema_id, schema in ((1, OURS), (2, LATER)):
        codec = codecs.of(ORDER_PLACED.subject, schema_id)
        assert codec is not None
        assert decode(record(schema, {**ORDER, "campaign": "spring"}), codec) == ORDER


def test_a_version_that_cannot_be_read_as_ours_is_not(codecs: Codecs) -> None:
    codec = codecs.of(ORDER_PLACED.subject, 3)
    assert codec is not None
    with pytest.raises(fastavro.read.SchemaResolutionError):
        decode(record(OTHER_TYPE, {**ORDER, "placed_at_ms": "now"}), codec)


def test_fields_that_bronze_took_in_are_read_as_bronze_does(codecs: Codecs, tmp_path: Path) -> None:
    assert codecs.of(ORDER_PLACED.subject, 2) is not None
    campaign = {"name": "campaign", "type": ["null", "long"], "default": None}
    (tmp_path / "bronze").mkdir()
    (tmp_path / "bronze" / "added_fields.json").write_text(json.dumps({ORDER_PLACED.name: [campaign]}), "utf-8")
    later = Codecs("http://nowhere.invalid", tmp_path)
    ours, other = later.of(ORDER_PLACED.subject, 1), later.of(ORDER_PLACED.subject, 2)
    assert ours is not None
    assert other is not None
    assert decode(record(OURS, ORDER), ours) == {**ORDER, "campaign": None}
    with pytest.raises(fastavro.read.SchemaResolutionError):
        decode(record(LATER, {**ORDER, "campaign": "text where bronze has a number"}), other)


def test_other_subjects_are_read_as_written_and_unknown_ids_are_unknown(codecs: Codecs) -> None:
    codec = codecs.of(SEGMENT_MATERIALIZED.subject, 4)
    assert codec is not None
    assert decode(record(SEGMENT, {"segment": "vip"}), codec) == {"segment": "vip"}
    assert codecs.of(ORDER_PLACED.subject, 9) is None
    assert codecs.of(ORDER_PLACED.subject, -1) is None
