"""How numbers and differences are shown."""

import pytest
from webapp_world import NOW_MS, customer

from webapp.read_model import Customer
from webapp.show import NOTHING, age, cells, differing, full_name, money, number, percent


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "$0.00"), (5, "$0.05"), (123_456, "$1,234.56"), (-5, "-$0.05"), (None, NOTHING)]
)
def test_money(cents: int | None, text: str) -> None:
    assert money(cents) == text


def test_numbers() -> None:
    assert (number(1_234_567), number(None)) == ("1,234,567", NOTHING)
    assert (percent(0.456), percent(None)) == ("46%", NOTHING)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s ago"), (0, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (3_600, "1 h ago"), (200_000, "2 d ago")],
)
def test_age(seconds: int, text: str) -> None:
    assert age(NOW_MS - seconds * 1000, NOW_MS) == text


def test_no_time_has_no_age() -> None:
    assert age(None, NOW_MS) == NOTHING


def test_differences_are_marked_by_column() -> None:
    assert differing(customer()) == set()
    assert differing(customer(failed=2, order_count=9)) == {"failed", "order_count"}
    assert cells(customer(failed=2))["differ"] == {"orders": False, "value": False, "sent": True}


def test_a_missing_view_is_no_difference() -> None:
    only_live = Customer("x", customer().live)
    assert differing(only_live) == set()
    assert cells(only_live)["gold_value"] == NOTHING


def test_a_customer_without_a_name() -> None:
    assert full_name(Customer("x")) == "(no name)"
    assert full_name(customer(first_name=None, last_name="Ito")) == "Ito"
