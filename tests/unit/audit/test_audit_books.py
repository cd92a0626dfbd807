"""The recomputation: what a row of records makes of the books."""

from typing import Any

from contracts.faults import Kind, Reason
from scripts.audit.books import Books, common_row, gold_row
from scripts.audit.classify import Verdict

ANN = "0a1b2c3d-0000-4000-8000-00000000000a"


def profile(at: int = 1, **fields: Any) -> dict[str, Any]:
    row = {"event_id": f"p{at}", "occurred_at_ms": at, "customer_id": ANN, "email": "ann@x.example"}
    names = {"first_name": "Ann", "last_name": "Lee", "created_at_ms": 1, "lifecycle_stage": "prospect"}
    return row | names | {"is_active": False} | fields


def order(order_id: str, cents: int, at: int, customer: str = ANN, event: str = "") -> dict[str, Any]:
    return {
        "event_id": event or f"e-{order_id}",
        "occurred_at_ms": at,
        "order_id": order_id,
        "customer_id": customer,
        "order_total_cents": cents,
        "placed_at_ms": at,
    }


def activation(activation_id: str, status: str, at: int) -> dict[str, Any]:
    event = {"event_id": f"e-{activation_id}", "occurred_at_ms": at, "customer_id": ANN}
    return event | {"activation_id": activation_id, "status": status}


def enter(books: Books, kind: Kind, offset: int, row: dict[str, Any] | None, reason: Reason | None = None) -> None:
    books.enter(kind, ANN.encode(), (0, offset), Verdict(reason, row=row))


def gold(books: Books) -> dict[str, Any]:
    ((customer_id, account, newest),) = books.customers()
    return gold_row(customer_id, account, newest)


def test_sums_times_and_newest_event() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile(5))
    enter(books, Kind.ORDER, 0, order("o1", 300_000, 30))
    enter(books, Kind.ORDER, 1, order("o2", 200_001, 20))
    enter(books, Kind.ACTIVATION, 0, activation("a1", "delivered", 40))
    enter(books, Kind.ACTIVATION, 1, activation("a2", "failed", 40))
    assert gold(books) == {
        "customer_id": ANN,
        "email": "ann@x.example",
        "first_name": "Ann",
        "last_name": "Lee",
        "created_at_ms": 1,
        "is_active": False,
        "lifecycle_stage": "high-value",
        "order_count": 2,
        "lifetime_value_cents": 500_001,
        "average_order_value_cents": 250_000,
        "first_order_at_ms": 20,
        "last_order_at_ms": 30,
        "delivered": 1,
        "failed": 1,
        "engagement_rate": 0.5,
        "last_event_id": "e-a2",
        "last_event_at_ms": 40,
    }


def test_a_prospect_is_in_the_books() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile(5))
    row = gold(books)
    assert (row["order_count"], row["average_order_value_cents"], row["engagement_rate"]) == (0, 0, 0.0)
    assert (row["first_order_at_ms"], row["last_event_id"], row["lifecycle_stage"]) == (None, "p5", "prospect")


def test_the_first_record_of_an_order_wins() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.ORDER, 3, order("o1", 100, 10))
    enter(books, Kind.ORDER, 4, order("o1", 999, 99, event="later"))
    enter(books, Kind.ACTIVATION, 0, activation("a1", "failed", 5))
    enter(books, Kind.ACTIVATION, 1, activation("a1", "delivered", 50))
    row = gold(books)
    assert (row["order_count"], row["lifetime_value_cents"], row["last_event_id"]) == (1, 100, "e-o1")
    assert (row["delivered"], row["failed"]) == (0, 1)
    assert (books.duplicate_orders, books.duplicate_activations) == (1, 1)
    assert books.orders == {"o1": (0, 3)}


def test_facts_wait_for_their_profile() -> None:
    books = Books()
    enter(books, Kind.ORDER, 0, order("o1", 100, 10))
    assert list(books.customers()) == []
    assert (books.awaiting(), books.erased()) == (1, 0)
    enter(books, Kind.PROFILE, 0, profile())
    assert gold(books)["order_count"] == 1
    assert books.awaiting() == 0


def test_an_erased_customer_is_gone_and_comes_back_with_the_facts() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.ORDER, 0, order("o1", 100, 10))
    enter(books, Kind.PROFILE, 1, None)
    assert list(books.customers()) == []
    assert (books.awaiting(), books.erased()) == (0, 1)
    enter(books, Kind.PROFILE, 2, profile(9, first_name="Back"))
    row = gold(books)
    assert (row["first_name"], row["order_count"]) == ("Back", 1)
    assert books.erased() == 0


def test_profiles_may_come_in_any_order() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 7, profile(9, email="new@x.example"))
    enter(books, Kind.PROFILE, 2, profile(1, email="old@x.example"))
    enter(books, Kind.PROFILE, 3, None)
    assert gold(books)["email"] == "new@x.example"


def test_an_older_profile_in_event_time_still_counts_when_it_comes_later() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile(50))
    enter(books, Kind.PROFILE, 1, profile(20))
    assert gold(books)["last_event_at_ms"] == 20


def test_a_profile_that_breaks_a_rule_hides_the_customer_from_the_live_side_alone() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.PROFILE, 1, profile(2), Reason.TIME_IN_FUTURE)
    assert books.hidden() == 1
    assert gold(books)["last_event_id"] == "p1"
    enter(books, Kind.PROFILE, 2, profile(3))
    assert books.hidden() == 0


def test_a_profile_that_does_not_decode_changes_nothing() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.PROFILE, 1, None, Reason.UNDECODABLE)
    books.enter(Kind.PROFILE, None, (0, 2), Verdict(Reason.NULL_KEY))
    assert books.hidden() == 0


def test_faulty_facts_do_not_count() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.ORDER, 0, order("o1", -1, 10), Reason.TOTAL_NOT_POSITIVE)
    enter(books, Kind.ORDER, 1, order("o1", 70, 11))
    assert gold(books)["lifetime_value_cents"] == 70


def test_a_stage_goes_down_again() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile())
    enter(books, Kind.ORDER, 0, order("o1", 100, 10))
    enter(books, Kind.ACTIVATION, 0, activation("a1", "delivered", 11))
    assert gold(books)["lifecycle_stage"] == "engaged"
    enter(books, Kind.ACTIVATION, 1, activation("a2", "failed", 12))
    assert gold(books)["lifecycle_stage"] == "customer"


def test_equal_times_are_decided_by_the_event_id() -> None:
    books = Books()
    enter(books, Kind.PROFILE, 0, profile(5, event_id="b"))
    enter(books, Kind.ORDER, 0, order("o1", 1, 5, event="c"))
    enter(books, Kind.ORDER, 1, order("o2", 1, 5, event="a"))
    ((customer_id, account, newest),) = books.customers()
    assert common_row(customer_id, account, newest)["last_event_id"] == "c"
