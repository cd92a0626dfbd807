"""The audit's own judgement of every fault, on bytes built here."""

import io
import random
import uuid
from typing import Any

import fastavro
import pytest

from contracts.faults import FAULTS, Kind, Outcome, Reason
from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, MARKETING, ORDER_PLACED
from contracts.schemas import load_schema
from scripts.audit.classify import CONTRACT_RULES, Codec, classify, is_allowed

NOW = 1_800_000_000_000
DAY = 24 * 3600 * 1000
SCHEMA_ID = 7
TOPICS = {Kind.PROFILE: CUSTOMER_PROFILE, Kind.ORDER: ORDER_PLACED, Kind.ACTIVATION: ACTIVATION_STATUS}
CODECS = {kind: Codec(fastavro.parse_schema(load_schema(MARKETING, topic))) for kind, topic in TOPICS.items()}
CUSTOMER = "0a1b2c3d-0000-4000-8000-000000000001"


def good(kind: Kind) -> dict[str, Any]:
    row: dict[str, Any] = {"event_id": str(uuid.uuid4()), "occurred_at_ms": NOW, "customer_id": CUSTOMER}
    if kind is Kind.PROFILE:
        return row | {"email": "a@b.example", "created_at_ms": NOW, "lifecycle_stage": None, "is_active": False}
    if kind is Kind.ORDER:
        items = [{"sku": "A", "quantity": 2, "price_cents": 250}, {"sku": "B", "quantity": 1, "price_cents": 1}]
        order = {"order_id": str(uuid.uuid4()), "order_total_cents": 501, "items": items, "currency": "USD"}
        return row | order | {"channel": None, "placed_at_ms": NOW}
    activation = {"activation_id": str(uuid.uuid4()), "channel": "email", "status": "failed", "attempts": 1}
    return row | activation


def framed(kind: Kind, row: dict[str, Any], schema_id: int = SCHEMA_ID) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, CODECS[kind].writer, row)
    return b"\0" + schema_id.to_bytes(4, "big") + out.getvalue()


def judge(kind: Kind, key: bytes | None, value: bytes | None) -> Reason | None:
    return classify(kind, key, value, NOW, lambda i: CODECS[kind] if i == SCHEMA_ID else None).reason


ALL = list(Kind)


@pytest.mark.parametrize("kind", ALL)
def test_a_good_record_is_right(kind: Kind) -> None:
    assert judge(kind, CUSTOMER.encode(), framed(kind, good(kind))) is None


def changed(kind: Kind, **fields: Any) -> Reason | None:
    row = good(kind) | fields
    return judge(kind, row["customer_id"].encode(), framed(kind, row))


CHANGES = [
    (Kind.ORDER, {"order_total_cents": 0}, Reason.TOTAL_NOT_POSITIVE),
    (Kind.ORDER, {"order_total_cents": -501}, Reason.TOTAL_NOT_POSITIVE),
    (Kind.ORDER, {"order_total_cents": 502}, Reason.TOTAL_NOT_SUM_OF_ITEMS),
    (Kind.ORDER, {"items": []}, Reason.TOTAL_NOT_SUM_OF_ITEMS),
    (Kind.ORDER, {"currency": "EUR"}, Reason.UNKNOWN_CURRENCY),
    (Kind.ORDER, {"order_id": "17"}, Reason.ID_NOT_UUID),
    (Kind.ORDER, {"placed_at_ms": NOW + DAY + 1}, Reason.TIME_IN_FUTURE),
    (Kind.ORDER, {"placed_at_ms": -1}, Reason.TIME_IN_FUTURE),
    (Kind.ORDER, {"placed_at_ms": NOW + DAY}, None),
    (Kind.ACTIVATION, {"channel": "fax"}, Reason.UNKNOWN_CHANNEL),
    (Kind.ACTIVATION, {"status": "lost"}, Reason.UNKNOWN_STATUS),
    (Kind.ACTIVATION, {"activation_id": ""}, Reason.ID_NOT_UUID),
    (Kind.ACTIVATION, {"delivered_at_ms": NOW + 9 * DAY}, None),
    (Kind.PROFILE, {"created_at_ms": NOW + 2 * DAY}, Reason.TIME_IN_FUTURE),
    (Kind.PROFILE, {"customer_id": CUSTOMER + "\n"}, Reason.ID_NOT_UUID),
    (Kind.PROFILE, {"event_id": CUSTOMER.upper()}, Reason.ID_NOT_UUID),
    (Kind.PROFILE, {"occurred_at_ms": NOW - 400 * DAY}, None),
]


@pytest.mark.parametrize(("kind", "fields", "reason"), CHANGES)
def test_a_broken_rule_is_named(kind: Kind, fields: dict[str, Any], reason: Reason | None) -> None:
    assert changed(kind, **fields) is reason


def test_the_first_reason_counts() -> None:
    row = good(Kind.ORDER) | {"order_id": "17", "order_total_cents": 0, "currency": "EUR"}
    assert judge(Kind.ORDER, b"other", framed(Kind.ORDER, row)) is Reason.KEY_MISMATCH
    assert judge(Kind.ORDER, None, b"junk") is Reason.NULL_KEY


@pytest.mark.parametrize("kind", ALL)
def test_what_does_not_decode(kind: Kind) -> None:
    key, value = CUSTOMER.encode(), framed(kind, good(kind))
    assert judge(kind, key, value[5:]) is Reason.NOT_FRAMED
    assert judge(kind, key, b"") is Reason.NOT_FRAMED
    assert judge(kind, key, b"\0\0\0") is Reason.NOT_FRAMED
    assert judge(kind, key, framed(kind, good(kind), 99)) is Reason.UNKNOWN_SCHEMA_ID
    assert judge(kind, key, b"\0\xff\xff\xff\xff" + value[5:]) is Reason.UNKNOWN_SCHEMA_ID
    assert judge(kind, key, value[:5]) is Reason.UNDECODABLE
    assert judge(kind, None, value) is Reason.NULL_KEY
    assert judge(kind, b"\xff\xfe", value) is Reason.KEY_MISMATCH


@pytest.mark.parametrize("kind", ALL)
def test_a_cut_or_random_value_never_passes(kind: Kind) -> None:
    rng, value = random.Random(1), framed(kind, good(kind))
    allowed = {Reason.UNDECODABLE, *CONTRACT_RULES}
    required_end = len(value) if kind is not Kind.PROFILE else len(value) - 1
    for end in range(5, required_end):
        assert judge(kind, CUSTOMER.encode(), value[:end]) in allowed
    for _ in range(500):
        assert judge(kind, CUSTOMER.encode(), value[:5] + rng.randbytes(rng.randint(0, 200))) in allowed


def test_a_null_value_erases_a_profile_and_is_a_fault_elsewhere() -> None:
    verdict = classify(Kind.PROFILE, CUSTOMER.encode(), None, NOW, lambda _: None)
    assert verdict.is_tombstone
    assert judge(Kind.ORDER, CUSTOMER.encode(), None) is Reason.NULL_VALUE
    assert judge(Kind.ACTIVATION, CUSTOMER.encode(), None) is Reason.NULL_VALUE


def test_a_record_of_another_schema_is_read_as_the_readers_expect() -> None:
    older = {**load_schema(MARKETING, ORDER_PLACED)}
    older["fields"] = [field for field in older["fields"] if field["name"] != "currency"]
    writer = fastavro.parse_schema(older)
    out = io.BytesIO()
    row = good(Kind.ORDER)
    fastavro.schemaless_writer(out, writer, row)
    value = b"\0\0\0\0\x08" + out.getvalue()
    verdict = classify(Kind.ORDER, CUSTOMER.encode(), value, NOW, lambda _: Codec(writer, CODECS[Kind.ORDER].writer))
    assert verdict.reason is None
    assert verdict.row is not None
    assert verdict.row["currency"] == "USD"


def test_every_reason_of_the_contract_is_found_here() -> None:
    found = {reason for _, _, reason in CHANGES if reason} | {
        Reason.NULL_KEY,
        Reason.NULL_VALUE,
        Reason.NOT_FRAMED,
        Reason.UNKNOWN_SCHEMA_ID,
        Reason.UNDECODABLE,
        Reason.KEY_MISMATCH,
    }
    assert found == set(Reason)
    assert {r for fault in FAULTS if fault.outcome is Outcome.QUARANTINED for r in fault.reasons} <= found


def test_only_bytes_that_do_not_decode_cleanly_may_have_two_reasons() -> None:
    assert is_allowed(Reason.TOTAL_NOT_POSITIVE, "total_not_positive")
    assert not is_allowed(Reason.TOTAL_NOT_POSITIVE, "unknown_currency")
    assert is_allowed(Reason.UNDECODABLE, "id_not_uuid")
    assert is_allowed(Reason.KEY_MISMATCH, "undecodable")
    assert not is_allowed(Reason.UNDECODABLE, "not_framed")
    assert not is_allowed(Reason.NULL_KEY, "undecodable")
    assert not is_allowed(Reason.UNDECODABLE, "no such reason")
    assert not is_allowed(None, "undecodable")
