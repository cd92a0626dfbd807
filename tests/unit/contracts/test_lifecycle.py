"""The stage rules, at their edges, in both forms."""

import sqlite3

import pytest

from contracts.lifecycle import STAGES, stage_of, stage_sql

CASES = [
    # order_count, lifetime_value_cents, delivered, failed, stage
    (0, 0, 0, 0, "prospect"),
    (0, 0, 10, 0, "prospect"),
    (1, 1, 0, 0, "customer"),
    (1, 1, 1, 1, "customer"),
    (1, 1, 2, 1, "engaged"),
    (1, 500_000, 7, 3, "engaged"),
    (1, 500_001, 0, 0, "high-value"),
    (1, 500_001, 69, 31, "high-value"),
    (1, 500_001, 7, 3, "evangelist"),
    (1, 500_001, 0, 1, "high-value"),
    (3, 900_000, 1, 0, "evangelist"),
]


@pytest.mark.parametrize(("orders", "cents", "delivered", "failed", "stage"), CASES)
def test_stage_of_a_customer(orders: int, cents: int, delivered: int, failed: int, stage: str) -> None:
    assert stage_of(orders, cents, delivered, failed) == stage


def test_sql_form_equals_python_form() -> None:
    db = sqlite3.connect(":memory:")
    query = (
        f"SELECT {stage_sql()} FROM "  # noqa: S608 - the rules are our own text
        "(SELECT ? AS order_count, ? AS lifetime_value_cents, ? AS delivered, ? AS failed)"
    )
    for orders in (0, 1, 2):
        for cents in (0, 499_999, 500_000, 500_001):
            for delivered in range(12):
                for failed in range(6):
                    (found,) = db.execute(query, (orders, cents, delivered, failed)).fetchone()
                    assert found == stage_of(orders, cents, delivered, failed)


def test_every_stage_can_be_reached() -> None:
    assert {case[4] for case in CASES} == set(STAGES)
