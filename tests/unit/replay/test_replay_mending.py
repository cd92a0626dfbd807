"""What may be replayed, and what is refused with which words. Needs no service."""

import base64
import json
import random
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import pytest

from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, MARKETING, ORDER_PLACED
from contracts.schemas import load_schema
from contracts.settings import Settings
from scripts.replay.errors import ReplayError
from scripts.replay.lines import BadLine, Mended, from_line, to_line
from scripts.replay.mending import Desk, Newest, Refused
from scripts.replay.quarantine import Choice, Quarantined, chosen, counts
from scripts.replay.run import State, export
from webapp.commands.events import Event, order_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.registry import Registry

NOW_MS = 1_790_000_000_000
TOPICS = {topic.name: topic for topic in MARKETING.with_schema()}


class FixedRegistry(Registry):
    """Knows the lab's subjects by ids that count from 1."""

    def __init__(self) -> None:
        super().__init__("http://nowhere.invalid")

    def schema_id(self, subject: str, schema: str) -> int | None:
        return [topic.subject for topic in MARKETING.with_schema()].index(subject) + 1


FRAMER = AvroFramer(Settings(), MARKETING, FixedRegistry())


def writer_of(topic: str, schema_id: int) -> Any:
    return FRAMER.parsed_schema(TOPICS[topic]) if schema_id == FRAMER.schema_id(TOPICS[topic]) else None


def new_id() -> str:
    return str(uuid.uuid4())


def an_order(**changes: Any) -> Event:
    event = order_event(random.Random(1), new_id(), NOW_MS, new_id)
    return replace(event, value={**(event.value or {}), **changes})


def a_profile(**changes: Any) -> Event:
    event = profile_event(random.Random(1), NOW_MS, new_id)
    return replace(event, value={**(event.value or {}), **changes})


def quarantined(event: Event, offset: int = 17, **changes: Any) -> Quarantined:
    """The event as it lies in quarantine."""
    value = FRAMER.frame(event.topic, event.value)
    schema_id = FRAMER.schema_id(event.topic)
    row = Quarantined(event.topic.name, 0, offset, NOW_MS, event.key.encode(), value, "some", "why", schema_id)
    return row._replace(**changes)


def desk(*rows: Quarantined, **changes: Any) -> Desk:
    known: dict[str, Any] = {"replayed": {}, "newest": {}, "framer": FRAMER, "now_ms": lambda: NOW_MS}
    return Desk(TOPICS, {row.place: row for row in rows}, **{**known, **changes})


def mended(row: Quarantined, event: Event) -> Mended:
    return Mended(row.place, event.key, event.value)


def test_a_decodable_record_is_exported_and_read_back() -> None:
    event = an_order(order_total_cents=1)
    row = quarantined(event)
    line = to_line(row, writer_of)
    assert from_line(line) == Mended(f"{ORDER_PLACED.name}:0:17", event.key, event.value)
    assert {"reason": "some", "detail": "why"}.items() <= json.loads(line).items()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"value": None}, {"value": None}),
        ({"key": None}, {"key": None}),
        ({"key": b"\xff\xfe"}, {"key_base64": base64.b64encode(b"\xff\xfe").decode()}),
        ({"value": b'{"order_id": "x"}', "schema_id": None}, {"value": {"order_id": "x"}}),
        ({"value": b"no frame", "schema_id": None}, {"value_base64": base64.b64encode(b"no frame").decode()}),
        ({"schema_id": 99}, None),
    ],
)
def test_what_cannot_be_decoded_is_shown_as_base64(changes: dict[str, Any], shown: dict[str, Any] | None) -> None:
    row = quarantined(an_order(), **changes)
    told = json.loads(to_line(row, writer_of))
    shown = shown or {"value_base64": base64.b64encode(row.value or b"").decode()}
    assert shown.items() <= told.items()


@pytest.mark.parametrize("change", [lambda value: value[:-3], lambda value: value + b"x", lambda value: value[:5]])
def test_bytes_that_do_not_end_where_they_should_are_not_decoded(change: Any) -> None:
    row = quarantined(an_order())
    told = json.loads(to_line(row._replace(value=change(row.value)), writer_of))
    assert "value" not in told


def test_a_value_of_a_later_schema_is_exported_with_all_its_fields() -> None:
    later = json.loads(json.dumps(load_schema(MARKETING, ORDER_PLACED)))
    later["fields"].append({"name": "campaign", "type": ["null", "string"], "default": None})
    parsed = fastavro.parse_schema(later)
    row = quarantined(an_order())
    row = row._replace(value=(row.value or b"") + b"\x02\x0cspring")
    assert json.loads(to_line(row, lambda *_: parsed))["value"]["campaign"] == "spring"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[]", "replays"),
        ('{"key": "a", "value": {}}', "replays"),
        ('{"replays": "t:0:1", "key": "a", "value_base64": "AA=="}', "no `value`"),
        ('{"replays": "t:0:1", "value": {}}', "no `key`"),
        ('{"replays": "t:0:1", "key": 1, "value": {}}', "is text"),
    ],
)
def test_a_line_that_is_no_mended_record_says_why(line: str, why: str) -> None:
    with pytest.raises(BadLine, match=why):
        from_line(line)


def test_a_mended_record_becomes_its_event() -> None:
    right = an_order()
    row = quarantined(replace(right, value={**(right.value or {}), "order_total_cents": 1}))
    assert desk(row).event(mended(row, right)) == right


def spoiled(**changes: Any) -> dict[str, Any]:
    return {**(an_order().value or {}), **changes}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (spoiled(order_total_cents=1), "still total_not_sum_of_items"),
        (spoiled(order_id="17"), "still id_not_uuid"),
        (spoiled(placed_at_ms=NOW_MS + 10**9), "still time_in_future"),
        (spoiled(customer_id=new_id()), "still key_mismatch"),
        (spoiled(campaign="spring"), "does not fit order_placed.avsc: .*campaign"),
        (spoiled(order_total_cents="5"), "does not fit order_placed.avsc"),
        (spoiled(order_total_cents=True), "does not fit order_placed.avsc"),
        (spoiled(order_total_cents=1.5), "does not fit order_placed.avsc"),
        (spoiled(items=[{"sku": "a", "quantity": 1, "price_cents": 1, "colour": "red"}]), "does not fit .*colour"),
        ({"order_id": new_id()}, "does not fit order_placed.avsc"),
        (None, "still null_value"),
    ],
)
def test_what_still_breaks_the_contract_is_refused(value: dict[str, Any] | None, why: str) -> None:
    row = quarantined(an_order())
    key = str(value["customer_id"]) if value and "key_mismatch" not in why and "customer_id" in value else "k"
    with pytest.raises(Refused, match=why):
        desk(row).event(Mended(row.place, key, value))


def test_a_key_has_to_be_given() -> None:
    row = quarantined(an_order())
    with pytest.raises(Refused, match="still null_key"):
        desk(row).event(Mended(row.place, None, an_order().value))


def test_each_record_is_replayed_once() -> None:
    event = an_order()
    row = quarantined(event)
    at = desk(row)
    at.event(mended(row, event))
    with pytest.raises(Refused, match="twice in this file"):
        at.event(mended(row, event))
    with pytest.raises(Refused, match="already replayed, as t:1:5"):
        desk(row, replayed={row.place: "t:1:5"}).event(mended(row, event))
    with pytest.raises(Refused, match="x:0:1 is not in quarantine"):
        at.event(Mended("x:0:1", event.key, event.value))


def test_a_refused_record_may_be_mended_again_in_the_same_file() -> None:
    event = an_order()
    row = quarantined(event)
    at = desk(row)
    with pytest.raises(Refused):
        at.event(Mended(row.place, "another key", event.value))
    assert at.event(mended(row, event)) == event


@pytest.mark.parametrize(
    ("newest", "why"),
    [
        (Newest(), None),
        (Newest(profile_ms=NOW_MS), None),
        (Newest(profile_ms=NOW_MS + 1), "a newer profile of the customer is there"),
        (Newest(erased_ms=NOW_MS), None),
        (Newest(erased_ms=NOW_MS + 1), "the customer was erased after it"),
    ],
)
def test_an_old_profile_takes_nothing_away(newest: Newest, why: str | None) -> None:
    event = a_profile()
    row = quarantined(event)
    at = desk(row, newest={event.key: newest})
    if why is None:
        assert at.event(mended(row, event)) == event
        return
    with pytest.raises(Refused, match=why):
        at.event(mended(row, event))


def test_a_mended_profile_may_be_an_erase() -> None:
    event = a_profile()
    row = quarantined(event)
    assert desk(row).event(Mended(row.place, event.key, None)) == Event(CUSTOMER_PROFILE, event.key, None)


def test_a_choice_by_reason_topic_and_time() -> None:
    names = list(TOPICS)
    row = quarantined(an_order(), reason="null_key")
    assert chosen("null_key", ORDER_PLACED.name, "2h", names, NOW_MS) == Choice(
        "null_key", ORDER_PLACED.name, NOW_MS - 7_200_000
    )
    assert chosen("", "", "2026-01-31T12:00", names, NOW_MS).since_ms == 1_769_860_800_000
    assert Choice("null_key", ORDER_PLACED.name, NOW_MS).takes(row)
    assert not Choice(reason="null_value").takes(row)
    assert not Choice(topic=ACTIVATION_STATUS.name).takes(row)
    assert not Choice(since_ms=NOW_MS + 1).takes(row)
    for wrong in (("no_reason", "", ""), ("", "no.topic", ""), ("", "", "yesterday")):
        with pytest.raises(ReplayError):
            chosen(*wrong, topics=names, now_ms=NOW_MS)


def test_counts_and_export_are_of_the_open_ones(tmp_path: Path) -> None:
    rows = [quarantined(an_order(), offset, reason=reason) for offset, reason in enumerate(("a", "b", "a", "a"))]
    state = State({row.place: row for row in rows}, {rows[0].place: "t:0:9"})
    assert list(counts(rows, state.replayed)) == [("a", ORDER_PLACED.name, 3, 1), ("b", ORDER_PLACED.name, 1, 0)]
    files = export(state.open(Choice()), tmp_path / "mend", writer_of)
    assert files == {tmp_path / "mend" / "a.jsonl": 2, tmp_path / "mend" / "b.jsonl": 1}
    lines = (tmp_path / "mend" / "a.jsonl").read_text("utf-8").splitlines()
    assert [from_line(line).replays for line in lines] == [rows[2].place, rows[3].place]
    with pytest.raises(ReplayError, match="is there already"):
        export(state.open(Choice()), tmp_path / "mend", writer_of)
