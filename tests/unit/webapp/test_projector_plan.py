"""What a batch changes in Redis."""

import json
from typing import Any

from contracts.marketing import CUSTOMER_CONSOLIDATED, CUSTOMER_GOLD, GOLD_VIEW, LIVE_VIEW, PROPENSITY_VIEW
from webapp.kafka_reader import Record
from webapp.projector.decode import Row
from webapp.projector.plan import keys_to_read, plan

NOW_MS = 5_000
ADA = {"customer_id": "a", "first_name": "Ada", "last_name": "Meyer", "email": "Ada@Example.com", "order_count": 1}


def record(topic: str, offset: int = 9) -> Record:
    return Record(topic, 1, offset, 4_000, b"a", b"")


def live(value: dict[str, Any] | None, offset: int = 9) -> Row:
    return Row(LIVE_VIEW, "a", value, record(CUSTOMER_CONSOLIDATED.name, offset))


def gold(version: int | None, offset: int = 9) -> Row:
    value = None if version is None else {"customer_id": "a", "version": version}
    return Row(GOLD_VIEW, "a", value, record(CUSTOMER_GOLD.name, offset))


def test_a_new_customer_is_stored_indexed_and_told() -> None:
    result = plan([live(ADA)], {}, NOW_MS)
    assert json.loads(result.rows["customer:live:a"]) == {
        "row": ADA,
        "topic": CUSTOMER_CONSOLIDATED.name,
        "partition": 1,
        "offset": 9,
        "timestamp_ms": 4_000,
        "projected_at_ms": NOW_MS,
    }
    assert result.recent == {"a": 4_000}
    assert result.found_by == ["ada\0a", "ada meyer\0a", "ada@example.com\0a", "meyer\0a"]
    assert [json.loads(change) for change in result.changes] == [{"customer_id": "a", "view": "live"}]
    assert (result.deleted, result.not_found_by, result.not_recent) == ([], [], [])


def test_a_new_name_takes_the_old_one_out_of_the_index() -> None:
    result = plan([live({**ADA, "last_name": "Ito"})], {"customer:live:a": ADA}, NOW_MS)
    assert result.found_by == ["ada ito\0a", "ito\0a"]
    assert result.not_found_by == ["ada meyer\0a", "meyer\0a"]


def test_unchanged_terms_are_left_alone() -> None:
    result = plan([live({**ADA, "order_count": 2})], {"customer:live:a": ADA}, NOW_MS)
    assert (result.found_by, result.not_found_by) == ([], [])


def test_an_erased_customer_leaves_nothing() -> None:
    result = plan([live(None)], {"customer:live:a": ADA}, NOW_MS)
    assert result.deleted == ["customer:live:a"]
    assert result.not_recent == ["a"]
    assert result.not_found_by == ["ada\0a", "ada meyer\0a", "ada@example.com\0a", "meyer\0a"]
    assert len(result.changes) == 1


def test_the_last_row_of_a_batch_counts_and_is_told_once() -> None:
    result = plan([live(ADA, 1), live({**ADA, "order_count": 7}, 2)], {}, NOW_MS)
    assert json.loads(result.rows["customer:live:a"])["row"]["order_count"] == 7
    assert len(result.changes) == 1
    created_and_erased = plan([live(ADA, 1), live(None, 2)], {}, NOW_MS)
    assert created_and_erased.rows == {}
    assert created_and_erased.found_by == []


def test_an_older_gold_row_is_passed_over() -> None:
    stored = {"customer:gold:a": {"version": 5}}
    assert plan([gold(4)], stored, NOW_MS).changes == []
    assert len(plan([gold(5)], stored, NOW_MS).changes) == 1
    assert len(plan([gold(6)], stored, NOW_MS).changes) == 1


def test_an_older_gold_row_in_the_same_batch_is_passed_over() -> None:
    result = plan([gold(6, 1), gold(4, 2)], {}, NOW_MS)
    assert json.loads(result.rows["customer:gold:a"])["row"]["version"] == 6


def test_gold_is_deleted_and_may_come_again() -> None:
    stored = {"customer:gold:a": {"version": 5}}
    assert plan([gold(None)], stored, NOW_MS).deleted == ["customer:gold:a"]
    again = plan([gold(None, 1), gold(6, 2)], stored, NOW_MS)
    assert json.loads(again.rows["customer:gold:a"])["row"]["version"] == 6
    assert again.deleted == []


def test_other_views_leave_the_index_alone() -> None:
    result = plan([Row(PROPENSITY_VIEW, "a", {"customer_id": "a"}, record("p"))], {}, NOW_MS)
    assert (result.recent, result.found_by) == ({}, [])
    assert list(result.rows) == ["customer:propensity:a"]


def test_only_what_decides_is_read() -> None:
    rows = [live(ADA), live(ADA), gold(1), Row(PROPENSITY_VIEW, "a", {}, record("p"))]
    assert keys_to_read(rows) == ["customer:live:a", "customer:gold:a"]
