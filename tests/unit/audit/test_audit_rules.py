"""The audit's form of the rules, against literal cases and against the contract's form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.lifecycle import stage_of
from scripts.audit import rules


@given(
    st.integers(0, 5), st.sampled_from([0, 1, 499_999, 500_000, 500_001, 10**9]), st.integers(0, 40), st.integers(0, 40)
)
def test_both_forms_of_the_stage_rule_agree(orders: int, cents: int, delivered: int, failed: int) -> None:
    cents = cents if orders else 0
    assert rules.stage(orders, cents, delivered, failed) == stage_of(orders, cents, delivered, failed)


@pytest.mark.parametrize(
    ("orders", "cents", "stage", "segment"),
    [
        (9, 20_000, "customer", "vip"),
        (2, 19_999, "customer", "growth"),
        (1, 19_999, "engaged", "engaged"),
        (0, 0, None, "unknown"),
    ],
)
def test_segment(orders: int, cents: int, stage: str | None, segment: str) -> None:
    assert rules.segment(orders, cents, stage) == segment


@pytest.mark.parametrize(
    ("score", "orders", "cents", "fits"),
    [
        (0.0, 0, 0, True),
        (0.3, 1, 3_999, True),
        (2.6, 1, 50_000, True),
        (0.11, 1, 100, True),
        (0.1, 1, 100, True),
        (0.12, 1, 100, False),
        (0.105, 1, 100, False),
        (25.4, 4, 500_001, True),
        (25.41, 4, 500_001, False),
    ],
)
def test_score_is_rounded_to_two_places(score: float, orders: int, cents: int, fits: bool) -> None:
    assert rules.score_fits(score, orders, cents) is fits


def test_averages_and_rates() -> None:
    assert (rules.average(0, 0), rules.average(500_001, 4)) == (0, 125_000)
    assert (rules.engagement_rate(0, 0), rules.engagement_rate(3, 1)) == (0.0, 0.75)
