"""Each check passes on balanced books, and fails on every way it is there to catch, naming the id."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from contracts.faults import FAULTS, Kind, Reason
from scripts.audit.books import Books, common_row, gold_row
from scripts.audit.check_positions import (
    Faulty,
    LedgerLine,
    Quarantined,
    check_complete,
    check_judgement,
    check_ledger,
    check_replayed,
)
from scripts.audit.check_tables import (
    check_gold,
    check_profiles,
    check_propensity_table,
    check_silver_customers,
    check_silver_ids,
)
from scripts.audit.check_views import (
    Latest,
    check_gold_view,
    check_indexes,
    check_live,
    check_live_is_gold,
    check_propensity,
    check_segments,
    check_view_is_topic,
)
from scripts.audit.classify import Verdict
from scripts.audit.findings import Check
from scripts.audit.positions import FAULTY, PAGE, QUARANTINED, Marks
from scripts.audit.report import show
from scripts.audit.settle import Outcome
from scripts.audit.topics import Span

ANN, BOB = "ann", "bob"
TOPIC, COMPACTED = "facts", "profiles"


def assert_differs(check: Check, *texts: str) -> None:
    assert check.differing >= 1
    for text in texts:
        assert any(text in example for example in check.examples), check.examples


def marks(*positions: tuple[str, int, int] | tuple[str, int, int, int]) -> Marks:
    made = Marks()
    for position in positions:
        made.add(*position)
    return made


# ---- positions ------------------------------------------------------------------------------------------------------

SPANS = {(TOPIC, 0): Span(2, 5), (COMPACTED, 0): Span(0, 100_000)}


def complete(in_topics: Marks, in_tables: Marks) -> Check:
    return check_complete(in_topics, in_tables, SPANS, {COMPACTED})


def test_gaps_that_the_broker_made_are_no_loss() -> None:
    """Before the start: retention. Missing in a compacted topic: compaction. At or after the end: not yet counted."""
    in_topics = marks((TOPIC, 0, 2), (TOPIC, 0, 4), (COMPACTED, 0, 90_000))
    in_tables = marks(
        (TOPIC, 0, 0), (TOPIC, 0, 2), (TOPIC, 0, 4), (TOPIC, 0, 5), (COMPACTED, 0, 3), (COMPACTED, 0, 90_000)
    )
    check = complete(in_topics, in_tables)
    assert check.is_balanced, check.examples
    assert check.notes == ["2 no longer in their topics (compaction, retention)"]


def test_a_lost_record_is_found() -> None:
    assert_differs(complete(marks((TOPIC, 0, 2), (TOPIC, 0, 3)), marks((TOPIC, 0, 3))), "facts:0:2: neither")


def test_a_record_held_twice_is_found() -> None:
    twice = marks((TOPIC, 0, 2), (TOPIC, 0, 2))
    assert_differs(complete(marks((TOPIC, 0, 2)), twice), "facts:0:2: held more than once")
    both = marks((TOPIC, 0, 2), (TOPIC, 0, 2, QUARANTINED))
    assert_differs(complete(marks((TOPIC, 0, 2)), both), "facts:0:2: held more than once")
    before_the_start = marks((TOPIC, 0, 0), (TOPIC, 0, 0))
    assert_differs(complete(marks(), before_the_start), "facts:0:0: held more than once")


def test_a_record_that_never_was_is_found() -> None:
    assert_differs(complete(marks((TOPIC, 0, 2)), marks((TOPIC, 0, 2), (TOPIC, 0, 3))), "facts:0:3: held, but not")
    assert_differs(complete(marks(), marks(("elsewhere", 0, 1))), "elsewhere:0:1: held, but not")


def test_positions_on_many_pages() -> None:
    far = (COMPACTED, 0, PAGE + 17)
    check = complete(marks(far, (COMPACTED, 0, 1)), marks((COMPACTED, 0, 1)))
    assert_differs(check, f"profiles:0:{PAGE + 17}: neither")
    assert (check.checked, check.differing) == (2, 1)


AT = (TOPIC, 0, 3)


def judgement(held: Quarantined | None, faulty: Faulty | None, broken: list[Any] | None = None) -> Check:
    return check_judgement(
        marks((*AT, FAULTY if faulty else 0)),
        marks((*AT, QUARANTINED if held else 0)),
        {AT: faulty} if faulty else {},
        {AT: held} if held else {},
        broken or [],
    )


WRONG = Faulty(Reason.UNKNOWN_CHANNEL, b"d")
HELD = Quarantined("unknown_channel", Reason.UNKNOWN_CHANNEL, b"d")


def test_a_rightly_quarantined_record_and_a_right_one_in_bronze() -> None:
    check = judgement(HELD, WRONG)
    assert check.is_balanced
    assert check.notes == ["unknown_channel 1"]
    assert judgement(None, None).is_balanced


def test_a_wrong_judgement_is_found() -> None:
    assert_differs(judgement(None, WRONG), "facts:0:3: in bronze, but it has unknown_channel")
    assert_differs(judgement(replace(HELD, said="null_key"), WRONG), "facts:0:3: quarantined as 'null_key'")
    assert_differs(judgement(replace(HELD, found=None), None), "facts:0:3", "nothing wrong")
    assert_differs(judgement(HELD, None), "facts:0:3", "the record is right")
    assert_differs(judgement(replace(HELD, digest=b"x"), WRONG), "facts:0:3: the quarantine's bytes")
    assert_differs(judgement(None, None, [(AT, "it has id_not_uuid")]), "facts:0:3: in bronze, but it has id_not_uuid")


def ledger(fault: str | None, *, held: bool = True, said: str | None = None) -> Check:
    quarantined = {AT: Quarantined(said, None, b"")} if said else {}
    return check_ledger([LedgerLine(AT, "id-1", fault)], marks(AT) if held else marks(), quarantined, FAULTS)


def test_replays_replace_what_is_in_quarantine_once() -> None:
    wrong = Quarantined("not_framed", Reason.NOT_FRAMED, b"")
    held = {(TOPIC, 0, 1): wrong, (TOPIC, 0, 2): wrong}
    right = [((TOPIC, 1, 7), f"{TOPIC}:0:1"), ((TOPIC, 0, 8), f"{TOPIC}:0:2")]
    check = check_replayed(right, held)
    assert (check.is_balanced, check.checked, check.notes) == (True, 2, ["2 of 2 quarantined records were replayed"])
    twice = [((TOPIC, 1, 7), f"{TOPIC}:0:1"), ((TOPIC, 1, 8), f"{TOPIC}:0:1")]
    assert_differs(check_replayed(twice, held), f"{TOPIC}:1:8: replaces {TOPIC}:0:1, which was replaced before")
    assert_differs(check_replayed([((TOPIC, 0, 7), f"{TOPIC}:0:3")], held), "which is not in quarantine")
    assert_differs(check_replayed([((COMPACTED, 0, 7), f"{TOPIC}:0:1")], held), "of another topic")


def test_a_ledger_that_is_contained() -> None:
    assert ledger(None).is_balanced
    assert ledger("duplicate").is_balanced
    assert ledger("erase").is_balanced
    assert ledger("truncated", said="undecodable").is_balanced
    assert ledger("truncated", said="id_not_uuid").notes == ["truncated 1"]


def test_a_ledger_that_is_not_contained_is_found() -> None:
    assert_differs(ledger(None, held=False), "facts:0:3 (id-1): acknowledged, but neither")
    assert_differs(ledger("null_key"), "null_key ended in bronze")
    assert_differs(ledger("null_key", said="undecodable"), "null_key quarantined as 'undecodable'")
    assert_differs(ledger("late", said="time_in_future"), "late")
    assert_differs(ledger(None, said="null_key"), "but right")
    assert_differs(ledger("made_up"), "'made_up' is not declared")


# ---- tables ---------------------------------------------------------------------------------------------------------


def profile(customer: str, **fields: Any) -> dict[str, Any]:
    row = {"event_id": f"p-{customer}", "occurred_at_ms": 1, "customer_id": customer, "email": f"{customer}@x.example"}
    names = {"first_name": customer, "last_name": "Lee", "created_at_ms": 1}
    return row | names | {"lifecycle_stage": "customer", "is_active": True} | fields


def make_books() -> Books:
    books = Books()
    for number, customer in enumerate((ANN, BOB)):
        books.enter(Kind.PROFILE, customer.encode(), (0, number), Verdict(None, row=profile(customer)))
        order = {
            "event_id": f"e-{customer}",
            "occurred_at_ms": 5,
            "order_id": f"o-{customer}",
            "customer_id": customer,
            "order_total_cents": 1_000,
            "placed_at_ms": 5,
        }
        books.enter(Kind.ORDER, customer.encode(), (1, number), Verdict(None, row=order))
    return books


@pytest.fixture
def books() -> Books:
    return make_books()


def golds(books: Books) -> dict[str, dict[str, Any]]:
    return {i: gold_row(i, account, newest) | {"version": 3} for i, account, newest in books.customers()}


def lives(books: Books) -> dict[str, dict[str, Any]]:
    return {i: common_row(i, account, newest) | {"last_channel": None} for i, account, newest in books.customers()}


def test_silver_ids(books: Books) -> None:
    right = [("o-ann", 1, 0), ("o-bob", 1, 1)]
    assert check_silver_ids("orders", books.orders, right, 4).is_balanced
    assert_differs(check_silver_ids("orders", books.orders, right[:1], 0), "o-bob: missing")
    assert_differs(check_silver_ids("orders", books.orders, [*right, right[0]], 0), "o-ann: more than one")
    assert_differs(check_silver_ids("orders", books.orders, [*right, ("o-x", 1, 9)], 0), "o-x: in silver.orders")
    assert_differs(check_silver_ids("orders", books.orders, [right[0], ("o-bob", 1, 7)], 0), "o-bob: of position 1:7")


def test_silver_customers(books: Books) -> None:
    right = [(ANN, 0), (BOB, 1)]
    check = check_silver_customers(books, right)
    assert check.is_balanced
    assert check.notes == ["0 erased, 0 awaiting their profile"]
    assert_differs(check_silver_customers(books, right[1:]), "ann: missing")
    assert_differs(check_silver_customers(books, [*right, right[0]]), "ann: more than one")
    assert_differs(check_silver_customers(books, [*right, ("eve", 2)]), "eve: in silver.customers")
    assert_differs(check_silver_customers(books, [(ANN, 9), (BOB, 1)]), "ann: of offset 9")


def test_gold(books: Books) -> None:
    right = golds(books)
    check, versions = check_gold(books, right.values())
    assert check.is_balanced, check.examples
    assert versions == {ANN: 3, BOB: 3}
    assert_differs(check_gold(books, [right[ANN]])[0], "bob: missing")
    assert_differs(check_gold(books, [*right.values(), right[ANN]])[0], "ann: more than one")
    assert_differs(check_gold(books, [*right.values(), right[ANN] | {"customer_id": "eve"}])[0], "eve: in gold")


@pytest.mark.parametrize("field", sorted(set(next(iter(golds(make_books()).values()))) - {"version", "customer_id"}))
def test_gold_is_compared_in_every_field(books: Books, field: str) -> None:
    right = golds(books)
    value = right[ANN][field]
    right[ANN][field] = not value if isinstance(value, bool) else "x" if isinstance(value, str) else (value or 0) + 1
    assert_differs(check_gold(books, right.values())[0], f"ann: {field}")


def test_profiles_carry_their_stage() -> None:
    assert check_profiles(make_books()).is_balanced
    for wrong in ({"lifecycle_stage": "prospect"}, {"is_active": False}, {"lifecycle_stage": None}):
        books = make_books()
        books.enter(Kind.PROFILE, b"ann", (0, 9), Verdict(None, row=profile(ANN, **wrong)))
        assert_differs(check_profiles(books), f"ann: {next(iter(wrong))}")


def test_propensity_table() -> None:
    versions = {ANN: 1, BOB: 1}
    check, scores = check_propensity_table(versions, [(ANN, 0.5, 7), (BOB, 1.0, 8)])
    assert check.is_balanced
    assert scores == {ANN: (0.5, 7), BOB: (1.0, 8)}
    assert_differs(check_propensity_table(versions, [(ANN, 0.5, 7)])[0], "bob: missing")
    assert_differs(check_propensity_table(versions, [(ANN, 0.5, 7), (BOB, 1.1, 8)])[0], "bob: score 1.1")
    assert_differs(check_propensity_table(versions, [(ANN, 0.5, 7)] * 2)[0], "ann: more than one")
    assert_differs(check_propensity_table(versions, [("eve", 0.5, 7)])[0], "eve: in gold.propensity")


# ---- views ----------------------------------------------------------------------------------------------------------


def test_live_view(books: Books) -> None:
    assert check_live(books, lives(books)).is_balanced
    less = lives(books)
    del less[ANN]
    assert_differs(check_live(books, less), "ann: missing")
    assert_differs(check_live(books, lives(books) | {"eve": lives(books)[ANN]}), "eve: in the live view")
    wrong = lives(books)
    wrong[BOB]["lifetime_value_cents"] += 1
    assert_differs(check_live(books, wrong), "bob: lifetime_value_cents 1001, expected 1000")


def test_a_hidden_customer_is_gone_from_the_live_view_and_stays_in_gold(books: Books) -> None:
    books.enter(Kind.PROFILE, b"ann", (0, 9), Verdict(Reason.KEY_MISMATCH))
    only_bob = {BOB: lives(books)[BOB]}
    check = check_live(books, only_bob)
    assert check.is_balanced
    assert "1 hidden" in check.notes[0]
    assert_differs(check_live(books, lives(books)), "ann: in the live view")
    assert check_gold(books, golds(books).values())[0].is_balanced


def test_live_is_gold(books: Books) -> None:
    assert check_live_is_gold(lives(books), golds(books)).is_balanced
    wrong = golds(books)
    wrong[ANN]["order_count"] = 2
    assert_differs(check_live_is_gold(lives(books), wrong), "ann: order_count 2, expected 1")
    assert_differs(check_live_is_gold(lives(books), {ANN: golds(books)[ANN]}), "bob: missing in the gold view")


def test_segments(books: Books) -> None:
    right = {i: {"customer_id": i, "segment": "customer", "score": 0.15} for i in (ANN, BOB)}
    assert check_segments(books, right).is_balanced
    assert_differs(check_segments(books, right | {ANN: right[ANN] | {"segment": "vip"}}), "ann: segment 'vip'")
    assert_differs(check_segments(books, right | {ANN: right[ANN] | {"score": 0.16}}), "ann: score 0.16")
    assert_differs(check_segments(books, {ANN: right[ANN]}), "bob: missing")
    assert_differs(check_segments(books, right | {"eve": right[ANN]}), "eve: in the segment view")


def test_gold_view(books: Books) -> None:
    versions = {ANN: 3, BOB: 3}
    assert check_gold_view(versions, golds(books), books).is_balanced
    assert_differs(check_gold_view({ANN: 4, BOB: 3}, golds(books), books), "ann: version 3, expected 4")
    assert_differs(check_gold_view(versions, {ANN: golds(books)[ANN]}, books), "bob: missing")
    assert_differs(check_gold_view({ANN: 3}, golds(books), books), "bob: in the gold view")


def test_propensity_view() -> None:
    scores, right = {ANN: (0.5, 7)}, {ANN: {"score": 0.5, "scored_at_ms": 7}}
    assert check_propensity(scores, right).is_balanced
    assert_differs(check_propensity(scores, {ANN: {"score": 0.6, "scored_at_ms": 7}}), "ann: score 0.6")
    assert_differs(check_propensity(scores, {ANN: {"score": 0.5, "scored_at_ms": 6}}), "ann: scored_at_ms 6")
    assert_differs(check_propensity(scores, {}), "ann: missing")
    assert_differs(check_propensity({}, right), "ann: in the propensity view")
    assert_differs(check_propensity({ANN: (1.5, 7)}, {ANN: {"score": 1.5, "scored_at_ms": 7}}), "ann: score 1.5")


def view_is_topic(envelope: dict[str, Any] | None, *, by_version: bool = False) -> Check:
    latest = {ANN: Latest(0, 5, b"v")}
    cached = [(ANN, envelope)] if envelope is not None else []
    return check_view_is_topic("live", latest, cached, lambda _: {"n": 1}, by_version=by_version)


def test_view_is_topic() -> None:
    right = {"row": {"n": 1}, "partition": 0, "offset": 5}
    assert view_is_topic(right).is_balanced
    assert_differs(view_is_topic(None), "ann: missing in the live view")
    assert_differs(view_is_topic(right | {"row": {"n": 2}}), "ann: n 2, expected 1")
    assert_differs(view_is_topic(right | {"row": {"n": 1, "m": 0}}), "ann: also has m")
    assert_differs(view_is_topic(right | {"offset": 4}), "ann: (offset) 4, expected 5")
    assert view_is_topic(right | {"offset": 4}, by_version=True).is_balanced
    assert_differs(view_is_topic({}), "ann: n None")
    extra = check_view_is_topic("live", {}, [("eve", right)], lambda _: {})
    assert_differs(extra, "eve: in the live view, but ought not")


def test_indexes(books: Books) -> None:
    live = lives(books)
    search = ["ann\0ann", "lee\0ann", "bob\0bob"]
    assert check_indexes(live, [ANN, BOB], search).is_balanced
    assert_differs(check_indexes(live, [ANN], search), "bob: missing in the list")
    assert_differs(check_indexes(live, [ANN, BOB, "eve"], search), "eve: in the list")
    assert_differs(check_indexes(live, [ANN, BOB], search[:2]), "bob: missing in the search index")
    assert_differs(check_indexes(live, [ANN, BOB], [*search, "x\0eve"]), "eve: in the search index")
    nameless = {ANN: live[ANN] | {"email": None, "first_name": " ", "last_name": None}}
    assert check_indexes(nameless, [ANN], []).is_balanced


# ---- findings -------------------------------------------------------------------------------------------------------


def test_at_most_five_examples_are_kept_and_all_are_counted() -> None:
    check = Check("x")
    for number in range(8):
        check.differ(f"id-{number}")
    assert check.differing == 8
    assert check.examples == [f"id-{number}" for number in range(5)]


def test_the_table_names_ids_and_the_verdict() -> None:
    check = Check("orders", checked=8)
    for number in range(8):
        check.differ(f"id-{number}: gone")
    check.note("3 duplicates")
    text = io.StringIO()
    show(Outcome([check], 2, 1.5, ["spark is down"]), Console(file=text, width=100))
    shown = text.getvalue()
    for expected in ("id-0: gone", "id-4: gone", "… and 3 more", "3 duplicates", "do not balance", "spark is down"):
        assert expected in shown
    text = io.StringIO()
    show(Outcome([Check("orders", checked=8)], 1, 1.5), Console(file=text, width=100))
    assert "The books balance" in text.getvalue()
