"""Checks on the Redis views: they are the topics' rows, and what the books say. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.audit import rules
from scripts.audit.books import Account, Books, Profile, common_row
from scripts.audit.findings import Check, compare_rows, extra, missing

Envelope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Latest:
    """The record that counts of one key of a view's topic: where it lies, and its raw value."""

    partition: int
    offset: int
    value: bytes


def check_view_is_topic(
    name: str,
    latest: Mapping[str, Latest],
    cached: Iterable[tuple[str, Envelope | None]],
    decode: Callable[[bytes], dict[str, Any]],
    *,
    by_version: bool = False,
) -> Check:
    """A view holds the latest row of each key of its topic, and no other key.

    With `by_version`, a row may have been read at any record of the same version: later repeats change nothing.
    """
    check = Check(f"{name} view = its topic")
    seen = set()
    for customer_id, envelope in cached:
        if envelope is None:
            continue
        seen.add(customer_id)
        newest = latest.get(customer_id)
        if newest is None:
            extra(check, customer_id, f"the {name} view")
            continue
        expected: dict[str, Any] = decode(newest.value)
        found = dict(envelope.get("row") or {})
        if not by_version:
            expected |= {"(partition)": newest.partition, "(offset)": newest.offset}
            found |= {"(partition)": envelope.get("partition"), "(offset)": envelope.get("offset")}
        if compare_rows(check, customer_id, expected, found) and found.keys() != expected.keys():
            check.differ(f"{customer_id}: also has {', '.join(sorted(found.keys() - expected.keys()))}")
    for customer_id in latest.keys() - seen:
        missing(check, customer_id, f"the {name} view")
    return check


def check_live(books: Books, rows: Mapping[str, Mapping[str, Any]]) -> Check:
    """The live view = the books, for every customer the live side has. `rows` are the view's rows by id."""
    check = Check("live view = recomputation")
    _compare_each(check, "the live view", _live(books), rows, common_row)
    hidden = books.hidden()
    if hidden:
        check.note(f"{hidden:,} hidden: their newest profile breaks the contract")
    return check


def check_live_is_gold(live: Mapping[str, Mapping[str, Any]], gold: Mapping[str, Mapping[str, Any]]) -> Check:
    """Live and gold view show the same in every field both have."""
    check = Check("live view = gold view")
    for customer_id, row in live.items():
        other = gold.get(customer_id)
        if other is None:
            missing(check, customer_id, "the gold view")
        else:
            compare_rows(check, customer_id, {name: row[name] for name in row if name in other}, dict(other))
    return check


def check_segments(books: Books, rows: Mapping[str, Mapping[str, Any]]) -> Check:
    """The segment view follows the segment rule and the score's formula."""
    check = Check("segment view = segment rule")
    _compare_each(check, "the segment view", _live(books), rows, _segment_row)
    for customer_id, row in rows.items():
        account, score = books.accounts.get(customer_id), row.get("score")
        if account is None or not account.is_live:
            continue
        if not isinstance(score, (int, float)) or not rules.score_fits(score, account.orders, account.cents):
            check.differ(f"{customer_id}: score {score} for {account.orders} orders, {account.cents} cents")
    return check


def check_gold_view(versions: Mapping[str, int], rows: Mapping[str, Mapping[str, Any]], books: Books) -> Check:
    """The gold view = gold.customer_360: the same customers, the same versions, the books' numbers."""
    check = Check("gold view = gold.customer_360")
    for customer_id, row in rows.items():
        account = books.accounts.get(customer_id)
        if customer_id not in versions:
            extra(check, customer_id, "the gold view")
            continue
        expected = {"version": versions[customer_id]}
        if account is not None and account.profile is not None:
            expected |= common_row(customer_id, account, account.profile)
        compare_rows(check, customer_id, expected, dict(row))
    for customer_id in versions.keys() - rows.keys():
        missing(check, customer_id, "the gold view")
    return check


def check_propensity(scores: Mapping[str, tuple[float, int]], rows: Mapping[str, Mapping[str, Any]]) -> Check:
    """The propensity view = gold.propensity, a score in 0..1 for each of its customers."""
    check = Check("propensity view = gold.propensity")
    for customer_id, row in rows.items():
        if customer_id not in scores:
            extra(check, customer_id, "the propensity view")
            continue
        score, scored_at_ms = scores[customer_id]
        same = compare_rows(check, customer_id, {"score": score, "scored_at_ms": scored_at_ms}, dict(row))
        if same and not 0.0 <= row["score"] <= 1.0:
            check.differ(f"{customer_id}: score {row['score']}")
    for customer_id in scores.keys() - rows.keys():
        missing(check, customer_id, "the propensity view")
    return check


def check_indexes(live: Mapping[str, Mapping[str, Any]], recent: Iterable[str], search: Iterable[str]) -> Check:
    """The list and the search index hold the customers of the live view, and those alone.

    `search` are members `term NUL id`; a customer without name and e-mail has none.
    """
    check = Check("indexes hold the live customers")
    named = {
        customer_id
        for customer_id, row in live.items()
        if any(str(row.get(name) or "").strip() for name in ("email", "first_name", "last_name"))
    }
    found = {member.rpartition("\0")[2] for member in search}
    for place, expected, ids in (("the list", set(live), set(recent)), ("the search index", named, found)):
        check.checked += len(expected & ids)
        for customer_id in sorted(expected - ids):
            missing(check, customer_id, place)
        for customer_id in sorted(ids - expected):
            extra(check, customer_id, place)
    return check


def _live(books: Books) -> dict[str, tuple[Account, Profile]]:
    return {customer_id: (account, profile) for customer_id, account, profile in books.customers() if account.is_live}


def _segment_row(customer_id: str, account: Account, profile: Profile) -> dict[str, Any]:
    del profile  # the stage of the sums, which the profile has come to carry
    segment = rules.segment(account.orders, account.cents, account.stage)
    return {"customer_id": customer_id, "segment": segment}


def _compare_each(
    check: Check,
    place: str,
    expected: Mapping[str, tuple[Account, Profile]],
    rows: Mapping[str, Mapping[str, Any]],
    row_of: Any,
) -> None:
    for customer_id, (account, profile) in expected.items():
        row = rows.get(customer_id)
        if row is None:
            missing(check, customer_id, place)
        else:
            compare_rows(check, customer_id, row_of(customer_id, account, profile), dict(row))
    for customer_id in rows.keys() - expected.keys():
        extra(check, customer_id, place)
