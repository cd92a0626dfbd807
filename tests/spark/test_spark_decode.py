"""Every fault of the table, as real Avro bytes, ends with the reason that the contract states."""

import io
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import fastavro
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from contracts.faults import MAX_AHEAD_MS, REPLAYED_FROM, Reason
from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, MARKETING, ORDER_PLACED
from contracts.model import Topic
from contracts.schemas import load_schema
from spark.marketing.ingest_stream import STEPS
from spark.runtime.decode import UNRESOLVED, classifier

pytestmark = pytest.mark.spark

NOW_MS = 1_800_000_000_000
SOURCES = STEPS[0].sources
READERS = tuple(json.dumps(load_schema(MARKETING, source.topic)) for source in SOURCES)
IDS = {CUSTOMER_PROFILE.name: 1, ORDER_PLACED.name: 2, ACTIVATION_STATUS.name: 3}
EXTENDED_ORDER, NOT_AVRO, EARLIER_ORDER, UNKNOWN, NEVER_ASKED = 4, 5, 6, 99, 98
KAFKA = StructType(
    [
        StructField("key", BinaryType()),
        StructField("value", BinaryType()),
        StructField("topic", StringType()),
        StructField("partition", IntegerType()),
        StructField("offset", LongType()),
        StructField("timestamp", TimestampType()),
        StructField(
            "headers", ArrayType(StructType([StructField("key", StringType()), StructField("value", BinaryType())]))
        ),
    ]
)


def uid() -> str:
    return str(uuid.uuid4())


def profile(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": uid(),
        "occurred_at_ms": NOW_MS,
        "customer_id": uid(),
        "email": None,
        "first_name": "Ada",
        "last_name": None,
        "created_at_ms": NOW_MS,
        "lifecycle_stage": None,
        "is_active": False,
    } | changes


def order(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": uid(),
        "occurred_at_ms": NOW_MS,
        "order_id": uid(),
        "customer_id": uid(),
        "order_total_cents": 700,
        "items": [
            {"sku": "a", "quantity": 2, "price_cents": 150},
            {"sku": "b", "quantity": 1, "price_cents": 400},
        ],
        "currency": "USD",
        "channel": None,
        "placed_at_ms": NOW_MS,
    } | changes


def activation(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": uid(),
        "occurred_at_ms": NOW_MS,
        "activation_id": uid(),
        "order_id": None,
        "customer_id": uid(),
        "channel": "sms",
        "status": "delivered",
        "delivered_at_ms": NOW_MS,
        "attempts": 1,
    } | changes


def extended_order_schema() -> dict[str, Any]:
    """The order schema of a later sender: one optional field more, in the middle."""
    schema = json.loads(json.dumps(load_schema(MARKETING, ORDER_PLACED)))
    schema["fields"].insert(2, {"name": "gift_note", "type": ["null", "string"], "default": None})
    return dict(schema)


def earlier_order_schema() -> dict[str, Any]:
    """The order schema of an earlier sender: without the fields that have a default."""
    schema = load_schema(MARKETING, ORDER_PLACED)
    return {**schema, "fields": [field for field in schema["fields"] if "default" not in field]}


def encoded(topic: Topic, value: Mapping[str, Any], schema_id: int | None = None) -> bytes:
    out = io.BytesIO()
    others = {EXTENDED_ORDER: extended_order_schema(), EARLIER_ORDER: earlier_order_schema()}
    schema = others[schema_id] if schema_id in others else load_schema(MARKETING, topic)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), dict(value))
    number = IDS[topic.name] if schema_id is None else schema_id
    return b"\x00" + number.to_bytes(4, "big") + out.getvalue()


Case = tuple[str, Topic, bytes | None, bytes | None, str | None]


def case(name: str, topic: Topic, value: dict[str, Any], reason: str | None, schema_id: int | None = None) -> Case:
    key = str(value["customer_id"]).encode()
    return name, topic, key, encoded(topic, value, schema_id), reason


def cases() -> list[Case]:
    good, far = order(), NOW_MS + MAX_AHEAD_MS + 1
    raw, key = encoded(ORDER_PLACED, good), str(good["customer_id"]).encode()
    poisoned = b"\x00" + (2).to_bytes(4, "big") + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 20
    many = b"\x00" + (2).to_bytes(4, "big") + raw[5:].split(b"\x04\x02a")[0] + b"\xfe\xff\xff\xff\xff\x7f"
    return [
        case("good profile", CUSTOMER_PROFILE, profile(), None),
        case("good order", ORDER_PLACED, good, None),
        case("good activation", ACTIVATION_STATUS, activation(), None),
        case("late", ORDER_PLACED, order(occurred_at_ms=NOW_MS - 10**9), None),
        case("just ahead", ORDER_PLACED, order(occurred_at_ms=far - 1), None),
        case("later schema", ORDER_PLACED, order() | {"gift_note": "hi"}, None, EXTENDED_ORDER),
        ("erase", CUSTOMER_PROFILE, uid().encode(), None, None),
        ("null order", ORDER_PLACED, key, None, Reason.NULL_VALUE),
        ("null key", ORDER_PLACED, None, raw, Reason.NULL_KEY),
        ("null key, null value", CUSTOMER_PROFILE, None, None, Reason.NULL_KEY),
        ("text", ORDER_PLACED, key, b'{"a": 1}', Reason.NOT_FRAMED),
        ("empty", ORDER_PLACED, key, b"", Reason.NOT_FRAMED),
        ("four bytes", ORDER_PLACED, key, b"\x00\x00\x00\x00", Reason.NOT_FRAMED),
        ("unknown id", ORDER_PLACED, key, b"\x00" + UNKNOWN.to_bytes(4, "big") + raw[5:], Reason.UNKNOWN_SCHEMA_ID),
        ("id not asked for", ORDER_PLACED, key, b"\x00" + NEVER_ASKED.to_bytes(4, "big") + raw[5:], UNRESOLVED),
        ("id with the high bit", ORDER_PLACED, key, b"\x00\xff\xff\xff\xff" + raw[5:], UNRESOLVED),
        ("only a header", ORDER_PLACED, key, raw[:5], Reason.UNDECODABLE),
        ("truncated", ORDER_PLACED, key, raw[:-9], Reason.UNDECODABLE),
        ("another topic's schema", ORDER_PLACED, key, encoded(ACTIVATION_STATUS, activation()), Reason.UNDECODABLE),
        ("not Avro", ORDER_PLACED, key, b"\x00" + NOT_AVRO.to_bytes(4, "big") + raw[5:], Reason.UNDECODABLE),
        ("poisoned length", ORDER_PLACED, key, poisoned, Reason.UNDECODABLE),
        ("poisoned count", ORDER_PLACED, key, many, Reason.UNDECODABLE),
        ("another key", ORDER_PLACED, uid().encode(), raw, Reason.KEY_MISMATCH),
        case("order id", ORDER_PLACED, order(order_id="17"), Reason.ID_NOT_UUID),
        case("event id", CUSTOMER_PROFILE, profile(event_id=uid().upper()), Reason.ID_NOT_UUID),
        case("customer id", ACTIVATION_STATUS, activation(customer_id="x"), Reason.ID_NOT_UUID),
        case("future order", ORDER_PLACED, order(placed_at_ms=far), Reason.TIME_IN_FUTURE),
        case("future event", ACTIVATION_STATUS, activation(occurred_at_ms=2**63 - 1), Reason.TIME_IN_FUTURE),
        case("before 1970", CUSTOMER_PROFILE, profile(created_at_ms=-1), Reason.TIME_IN_FUTURE),
        case("total 0", ORDER_PLACED, order(order_total_cents=0, items=[]), Reason.TOTAL_NOT_POSITIVE),
        case("total", ORDER_PLACED, order(order_total_cents=701), Reason.TOTAL_NOT_SUM_OF_ITEMS),
        case(
            "sum beyond 64 bits",
            ORDER_PLACED,
            order(items=[{"sku": "a", "quantity": 2**31 - 1, "price_cents": 2**62}]),
            Reason.TOTAL_NOT_SUM_OF_ITEMS,
        ),
        case("currency", ORDER_PLACED, order(currency="EUR"), Reason.UNKNOWN_CURRENCY),
        case("channel", ACTIVATION_STATUS, activation(channel="fax"), Reason.UNKNOWN_CHANNEL),
        case("status", ACTIVATION_STATUS, activation(status="lost"), Reason.UNKNOWN_STATUS),
        case("two rules", ACTIVATION_STATUS, activation(channel="fax", status="lost"), Reason.UNKNOWN_CHANNEL),
    ]


def test_every_record_gets_its_reason(spark: SparkSession) -> None:
    at = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    found_cases = cases()
    rows = [(key, value, topic.name, 0, place, at, None) for place, (_, topic, key, value, _) in enumerate(found_cases)]
    schemas: dict[int, str | None] = {
        IDS[source.topic.name]: text for source, text in zip(SOURCES, READERS, strict=True)
    }
    schemas |= {EXTENDED_ORDER: json.dumps(extended_order_schema()), NOT_AVRO: None}
    records = spark.createDataFrame(rows, KAFKA)
    found = classifier(SOURCES, READERS, schemas, frozenset({UNKNOWN}))(records).select("offset", "reason").collect()
    reasons = {found_cases[row.offset][0]: row.reason for row in found}
    assert reasons == {name: reason and str(Reason(reason).value if reason != UNRESOLVED else reason)
                       for name, _, _, _, reason in found_cases}  # fmt: skip


def test_fields_of_all_schema_versions_land_alike(spark: SparkSession) -> None:
    at = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    old, new, earlier = order(), order() | {"gift_note": "hi"}, order(channel="web")
    replayed = [("trace", b"x"), (REPLAYED_FROM, b"topic:0:17"), (REPLAYED_FROM, b"topic:0:18")]
    rows = [
        (b"k", encoded(ORDER_PLACED, old), ORDER_PLACED.name, 0, 0, at, [("trace", b"x")]),
        (b"k", encoded(ORDER_PLACED, new, EXTENDED_ORDER), ORDER_PLACED.name, 0, 1, at, replayed),
        (b"k", encoded(ORDER_PLACED, earlier, EARLIER_ORDER), ORDER_PLACED.name, 0, 2, at, None),
    ]
    schemas: dict[int, str | None] = {2: READERS[1], EXTENDED_ORDER: json.dumps(extended_order_schema())}
    schemas[EARLIER_ORDER] = json.dumps(earlier_order_schema())
    found = classifier(SOURCES, READERS, schemas)(spark.createDataFrame(rows, KAFKA)).orderBy("offset").collect()
    assert [row.value_1.asDict(recursive=True) for row in found] == [
        old,
        {name: value for name, value in new.items() if name != "gift_note"},
        earlier | {"currency": "USD", "channel": None},
    ]
    assert [row.replayed_from for row in found] == [None, "topic:0:17", None]
