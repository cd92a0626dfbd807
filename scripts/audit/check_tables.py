"""Checks on silver and gold: ids and rows are those of the books. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from scripts.audit.books import Books, gold_row
from scripts.audit.findings import Check, compare_rows, extra, missing


def check_silver_ids(
    name: str, expected: Mapping[str, tuple[int, int]], found: Iterable[tuple[str, int, int]], duplicates: int
) -> Check:
    """A silver table of facts holds each id once, at its first position. `found` are (id, partition, offset)."""
    check = Check(f"silver.{name}: each id once, first position")
    seen: set[str] = set()
    for row_id, partition, offset in found:
        if row_id in seen:
            check.differ(f"{row_id}: more than one row")
            continue
        seen.add(row_id)
        first = expected.get(row_id)
        if first is None:
            extra(check, row_id, f"silver.{name}")
            continue
        check.checked += 1
        if first != (partition, offset):
            check.differ(f"{row_id}: of position {partition}:{offset}, the first is {first[0]}:{first[1]}")
    for row_id in expected:
        if row_id not in seen:
            missing(check, row_id, f"silver.{name}")
    if duplicates:
        check.note(f"{duplicates:,} duplicates in the topic")
    return check


def check_silver_customers(books: Books, found: Iterable[tuple[str, int]]) -> Check:
    """silver.customers holds each customer with a profile once, at its newest offset, and no erased one.

    `found` are (customer_id, offset).
    """
    check = Check("silver.customers: each customer once")
    seen: set[str] = set()
    expected = {customer_id: account.profile_offset for customer_id, account, _ in books.customers()}
    for customer_id, offset in found:
        if customer_id in seen:
            check.differ(f"{customer_id}: more than one row")
            continue
        seen.add(customer_id)
        if customer_id not in expected:
            extra(check, customer_id, "silver.customers")
            continue
        check.checked += 1
        if offset != expected[customer_id]:
            check.differ(f"{customer_id}: of offset {offset}, the newest profile is at {expected[customer_id]}")
    for customer_id in expected.keys() - seen:
        missing(check, customer_id, "silver.customers")
    check.note(f"{books.erased():,} erased, {books.awaiting():,} awaiting their profile")
    return check


def check_gold(books: Books, found: Iterable[dict[str, Any]]) -> tuple[Check, dict[str, int]]:
    """gold.customer_360 holds one row per customer, equal to the books'.

    Returns:
        the check, and the version of each customer's row.
    """
    check = Check("gold.customer_360 = recomputation")
    versions: dict[str, int] = {}
    for row in found:
        customer_id = row["customer_id"]
        account = books.accounts.get(customer_id)
        if customer_id in versions:
            check.differ(f"{customer_id}: more than one row")
        elif account is None or account.profile is None:
            extra(check, customer_id, "gold.customer_360")
        else:
            compare_rows(check, customer_id, gold_row(customer_id, account, account.profile), row)
        versions[customer_id] = row["version"]
    for customer_id, _, _ in books.customers():
        if customer_id not in versions:
            missing(check, customer_id, "gold.customer_360")
    return check, versions


def check_profiles(books: Books) -> Check:
    """The newest profile of every customer on the live side carries the stage and activity of its sums."""
    check = Check("profiles carry the stage of their sums")
    for customer_id, account, profile in books.customers():
        if account.is_live:
            expected = {"lifecycle_stage": account.stage, "is_active": account.orders > 0}
            found = {"lifecycle_stage": profile.lifecycle_stage, "is_active": profile.is_active}
            compare_rows(check, customer_id, expected, found)
    return check


def check_propensity_table(
    versions: Mapping[str, int], found: Iterable[tuple[str, float, int]]
) -> tuple[Check, dict[str, tuple[float, int]]]:
    """gold.propensity has one row per gold customer, with a score in 0..1. `found` are (id, score, scored_at_ms).

    Returns:
        the check, and (score, scored_at_ms) of each customer.
    """
    check = Check("gold.propensity: each gold customer once, 0..1")
    scores: dict[str, tuple[float, int]] = {}
    for customer_id, score, scored_at_ms in found:
        if customer_id in scores:
            check.differ(f"{customer_id}: more than one row")
        elif customer_id not in versions:
            extra(check, customer_id, "gold.propensity")
        else:
            check.checked += 1
            if score is None or not 0.0 <= score <= 1.0:
                check.differ(f"{customer_id}: score {score}")
        scores[customer_id] = score, scored_at_ms
    for customer_id in versions.keys() - scores.keys():
        missing(check, customer_id, "gold.propensity")
    return check, scores
