"""From records to rows, and what is no row."""

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from contracts.marketing import CUSTOMER_CONSOLIDATED, CUSTOMER_GOLD, SEGMENT_MATERIALIZED
from webapp.errors import UndecodableRecord
from webapp.kafka_reader import Record
from webapp.projector.decode import Decoder

SEGMENT = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Segment",
        "fields": [
            {"name": "customer_id", "type": ["null", "string"], "default": None},
            {"name": "segment", "type": ["null", "string"], "default": None},
        ],
    }
)


def schema_by_id(schema_id: int) -> Any:
    if schema_id != 7:
        raise LookupError(f"the registry does not know schema id {schema_id}")
    return SEGMENT


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(schema_by_id)


def record(topic: Any, value: bytes | None, key: bytes | None = b"a") -> Record:
    return Record(topic.name, 1, 33, 0, key, value)


def avro(value: dict[str, Any], schema_id: int = 7) -> bytes:
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, SEGMENT, value)
    return out.getvalue()


def test_json_and_avro_rows(decoder: Decoder) -> None:
    row = decoder.row(record(CUSTOMER_CONSOLIDATED, json.dumps({"customer_id": "a", "first_name": "Zoë"}).encode()))
    assert (row.customer_id, row.value) == ("a", {"customer_id": "a", "first_name": "Zoë"})
    segment = decoder.row(record(SEGMENT_MATERIALIZED, avro({"customer_id": "a", "segment": "vip"})))
    assert segment.value == {"customer_id": "a", "segment": "vip"}


def test_a_tombstone_is_a_row_without_a_value(decoder: Decoder) -> None:
    assert decoder.row(record(SEGMENT_MATERIALIZED, None)).value is None


@pytest.mark.parametrize(
    ("topic", "value", "key"),
    [
        (CUSTOMER_CONSOLIDATED, b"{", b"a"),
        (CUSTOMER_CONSOLIDATED, b"[]", b"a"),
        (CUSTOMER_CONSOLIDATED, b"\xff\xfe", b"a"),
        (CUSTOMER_CONSOLIDATED, b'{"customer_id": "b"}', b"a"),
        (CUSTOMER_CONSOLIDATED, b'{"customer_id": "a"}', None),
        (CUSTOMER_CONSOLIDATED, b'{"customer_id": "a"}', b"\xff"),
        (CUSTOMER_GOLD, b'{"customer_id": "a"}', b"a"),
        (CUSTOMER_GOLD, b'{"customer_id": "a", "version": "1"}', b"a"),
        (SEGMENT_MATERIALIZED, b"", b"a"),
        (SEGMENT_MATERIALIZED, b'{"a": 1}', b"a"),
        (SEGMENT_MATERIALIZED, avro({"customer_id": "a"}, schema_id=8), b"a"),
        (SEGMENT_MATERIALIZED, avro({"customer_id": "a", "segment": "vip"})[:-2], b"a"),
        (SEGMENT_MATERIALIZED, b"\0\0\0\0\x07\xff\xff\xff", b"a"),
    ],
)
def test_what_is_no_row_is_named_with_its_position(decoder: Decoder, topic: Any, value: bytes, key: Any) -> None:
    with pytest.raises(UndecodableRecord, match=f"{topic.name}:1 offset 33"):
        decoder.row(record(topic, value, key))
