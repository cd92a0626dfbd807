"""The story's numbers are right, and verify says what is missing when a view says anything else."""

from typing import Any

import pytest

from contracts.lifecycle import STAGES, stage_of
from scripts.verify.agree import Wanted, missing_all, missing_gold, missing_live
from scripts.verify.latency import latencies, spread
from scripts.verify.play import Hops
from scripts.verify.story import STORY


def test_the_story_adds_up() -> None:
    orders: list[int] = []
    sent: list[str] = []
    for step in STORY:
        if step.items:
            orders.append(sum(quantity * price for _, quantity, price in step.items))
        if step.engagement:
            sent.append(step.engagement[1])
        expected = step.expected
        delivered, failed = sent.count("delivered"), sent.count("failed")
        assert (expected.orders, expected.cents) == (len(orders), sum(orders)), step.title
        assert (expected.delivered, expected.failed) == (delivered, failed), step.title
        assert expected.average_cents == (sum(orders) // len(orders) if orders else 0), step.title
        assert expected.rate == pytest.approx(delivered / len(sent) if sent else 0.0), step.title
        assert expected.stage == stage_of(len(orders), sum(orders), delivered, failed), step.title
        assert expected.is_active is bool(orders), step.title


def test_the_story_visits_every_stage_and_the_edge() -> None:
    assert {step.expected.stage for step in STORY} == set(STAGES)
    assert {500_000, 500_001} <= {step.expected.cents for step in STORY}
    assert {step.expected.segment for step in STORY} >= {"prospect", "growth", "vip"}


WANTED = Wanted(STORY[-1].expected, "event", 10, 20)


def customer() -> dict[str, Any]:
    row = {
        "order_count": 4,
        "lifetime_value_cents": 500_001,
        "delivered": 3,
        "failed": 1,
        "first_order_at_ms": 10,
        "last_order_at_ms": 20,
        "last_event_id": "event",
        "lifecycle_stage": "evangelist",
        "is_active": True,
    }
    gold = row | {"average_order_value_cents": 125_000, "engagement_rate": 0.75}
    return {
        "live": {"row": row},
        "gold": {"row": gold},
        "segment": {"row": {"segment": "vip"}},
        "propensity": {"row": {"score": 0.8}},
    }


def test_views_that_agree_lack_nothing() -> None:
    assert missing_all(customer(), WANTED) == []


@pytest.mark.parametrize("view", ["live", "gold", "segment", "propensity"])
@pytest.mark.parametrize("value", [None, {}, "x"])
def test_a_view_without_a_row_is_named(view: str, value: Any) -> None:
    assert f"{view} view: no row" in missing_all(customer() | {view: value}, WANTED)


@pytest.mark.parametrize("field", sorted(customer()["gold"]["row"]))
def test_every_field_is_looked_at(field: str) -> None:
    wrong = customer()
    for view in ("live", "gold"):
        if field in wrong[view]["row"]:
            wrong[view]["row"][field] = "wrong"
            assert any(text.startswith(f"{view} view: {field} is 'wrong'") for text in missing_all(wrong, WANTED))


@pytest.mark.parametrize("score", [None, -0.1, 1.1, True, "0.5"])
def test_a_score_is_between_0_and_1(score: Any) -> None:
    assert "propensity view" in missing_gold(customer() | {"propensity": {"row": {"score": score}}}, WANTED)[0]


def test_a_wrong_segment_is_missing_on_the_live_side() -> None:
    assert missing_live(customer() | {"segment": {"row": {"segment": "growth"}}}, WANTED) == [
        "segment view: segment is 'growth', expected 'vip'"
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([3.0], (1, 3.0, 3.0, 3.0)), ([float(n) for n in range(1, 101)], (100, 50.0, 95.0, 100.0))],
)
def test_percentiles_are_measured_values(seconds: list[float], expected: tuple[Any, ...]) -> None:
    found = spread(seconds)
    assert found is not None
    assert (found.count, found.p50_s, found.p95_s, found.max_s) == expected


def test_the_first_click_stands_apart() -> None:
    found = latencies([Hops(0.0, live=9.0, gold=10.0), Hops(0.0, live=0.1, gold=2.0)])
    assert (found.first_live_s, found.first_gold_s) == (9.0, 10.0)
    assert found.as_json()["live"] == {"count": 1, "p50_s": 0.1, "p95_s": 0.1, "max_s": 0.1}
    assert latencies([Hops(0.0, live=1.0, gold=1.0)]).live is None
