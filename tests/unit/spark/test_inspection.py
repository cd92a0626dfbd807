"""What an expectation says of rows, without Spark and without tables."""

from collections import Counter

import pyarrow as pa
import pytest

from contracts.expectations import Between, Expectation, NotNull, OneOf, References, Unique
from contracts.faults import Reason
from contracts.marketing import BRONZE_ORDERS, BRONZE_PROFILES, MARKETING, SILVER_CUSTOMERS
from contracts.origin import Origin
from spark.marketing.ingest_stream import STEPS as INGEST_STEPS
from spark.runtime.breaches import breaches
from spark.runtime.inspection import Count, of_source

ROWS = pa.table({"id": ["a", "b", None, "a"], "total": [1, 0, None, 9], "rate": [0.0, 1.0, None, 1.5]})


def broken(expectation: Expectation, **known: int) -> list[bool]:
    """`known` is how many rows of the table in question have each key."""

    def keys(asked: pa.Array, at_least: int) -> pa.ChunkedArray:
        found = [key for key in asked.to_pylist() if known.get(key, 0) >= at_least]
        return pa.chunked_array([pa.array(found, pa.string())])

    return breaches(expectation, ROWS, keys).to_pylist()


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (NotNull("id"), [False, False, True, False]),
        (Between("total", low=1), [False, True, False, False]),
        (Between("total", high=1), [False, False, False, True]),
        (Between("rate", low=0, high=1), [False, False, False, True]),
        (OneOf("id", ("a", "c")), [False, True, False, False]),
    ],
    ids=str,
)
def test_rows_that_break_an_expectation(expectation: Expectation, expected: list[bool]) -> None:
    assert broken(expectation) == expected


def test_a_row_is_unique_in_the_whole_table() -> None:
    assert broken(Unique("id"), a=1, b=2) == [False, True, False, False]


def test_a_reference_is_missing_as_long_as_the_other_row_is() -> None:
    assert broken(References("id", SILVER_CUSTOMERS, "customer_id"), a=1) == [False, True, False, False]


def test_every_reason_that_can_refuse_a_record_is_counted() -> None:
    (ingest,) = INGEST_STEPS
    profiles, orders, _ = ingest.sources
    refused = {
        Reason.NOT_FRAMED.value: Count(violated=2, examples=["0:1"]),
        Reason.TOTAL_NOT_POSITIVE.value: Count(0, 1),
    }
    counts = of_source(orders, ingest, 7, refused)
    assert {count.checked for count in counts.values()} == {10}
    assert Counter({name: count.violated for name, count in counts.items() if count.violated}) == {
        "not_framed": 2,
        "total_not_positive": 1,
    }
    assert {"undecodable", "unknown_currency", "null_value"} <= counts.keys()
    assert "unknown_channel" not in counts
    assert "null_value" not in of_source(profiles, ingest, 1, {})
    assert (profiles.table, orders.table) == (BRONZE_PROFILES, BRONZE_ORDERS)


def test_a_table_with_expectations_has_rows_with_names() -> None:
    for table in MARKETING.tables:
        if table.expects:
            assert sum(isinstance(each, Unique) for each in table.expects) == 1, table.full_name


def test_an_origin_travels_in_a_commit() -> None:
    origin = Origin("gold", {"silver.orders": (3, 5)}, {"silver.customers": 9}, {"orders": {"0": (1, 4)}})
    assert Origin.of_text(origin.to_text()) == origin
    assert origin.sources == {"silver.orders", "silver.customers", "orders"}
    for text in (None, "", "compacted", "[]", '{"step": 1, "changes": 2}'):
        assert Origin.of_text(text) is None
