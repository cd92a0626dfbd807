"""The only reader of Redis: customers as typed rows, pages of them, and what has changed."""

import base64
import binascii
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from contracts.marketing import (
    CHANGES,
    GOLD_VIEW,
    LIVE_VIEW,
    PROPENSITY_VIEW,
    RECENT_INDEX,
    SEARCH_INDEX,
    SEGMENT_VIEW,
)
from contracts.settings import Settings
from webapp.errors import BadInput, RedisUnavailable
from webapp.redis_client import Client, why
from webapp.search_terms import normalised, split_entry, terms

LOG = logging.getLogger(__name__)
VIEWS = (LIVE_VIEW, GOLD_VIEW, SEGMENT_VIEW, PROPENSITY_VIEW)
LAST = "\U0010ffff"


@dataclass(frozen=True)
class ViewRow:
    """A row of a view, and the record it came from; times are ms since 1970 UTC."""

    row: dict[str, Any]
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    projected_at_ms: int


@dataclass(frozen=True)
class Customer:
    """What each view says of one customer; None where it has no row."""

    customer_id: str
    live: ViewRow | None = None
    gold: ViewRow | None = None
    segment: ViewRow | None = None
    propensity: ViewRow | None = None

    @property
    def exists(self) -> bool:
        """Whether any of the two customer views has the customer."""
        return self.live is not None or self.gold is not None


@dataclass(frozen=True)
class Page:
    """A page of customers; `next_cursor` is None on the last, `total` counts all customers of the live view."""

    customers: tuple[Customer, ...]
    next_cursor: str | None
    total: int


@dataclass(frozen=True)
class Change:
    """A row of `view` ("live", "segment", "gold", "propensity") has changed."""

    customer_id: str
    view: str


class ReadModel:
    """Reads the views. Every method raises RedisUnavailable when Redis does not answer."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._redis = client
        self._settings = settings

    def customer(self, customer_id: str) -> Customer:
        """What the views say of one customer, perhaps nothing."""
        return self.customers_by_id([customer_id])[0]

    def customers_by_id(self, ids: Sequence[str]) -> list[Customer]:
        """The customers of `ids`, in that order."""
        if not ids:
            return []
        keys = [view.key_for(customer_id) for customer_id in ids for view in VIEWS]
        with self._talk():
            texts = self._redis.mget(keys)
        rows = [_view_row(key, text) for key, text in zip(keys, texts, strict=True)]
        width = len(VIEWS)
        return [Customer(customer_id, *rows[i * width : (i + 1) * width]) for i, customer_id in enumerate(ids)]

    def customers(self, query: str, limit: int, cursor: str | None) -> Page:
        """A page of at most `limit` customers from `cursor` on: the newest change first, or those `query` begins.

        Raises:
            BadInput: `cursor` is not one that a page gave.
        """
        with self._talk():
            total = int(self._redis.zcard(RECENT_INDEX.key))
        prefix = normalised(query)
        if prefix:
            found, following = self._search(prefix, limit, _decode_cursor(cursor))
        else:
            ids, following = self._recent(limit, _decode_cursor(cursor))
            found = self.customers_by_id(ids)
        return Page(tuple(found), _encode_cursor(following), total)

    def _recent(self, limit: int, cursor: str | None) -> tuple[list[str], str | None]:
        """Ids by falling time, then falling id; the cursor is the last of the page before."""
        highest, before_id = "+inf", LAST
        skip = 0
        with self._talk():
            if cursor:
                highest, before_id = _time_and_id(cursor)
                skip = int(self._redis.zcount(RECENT_INDEX.key, highest, highest))
            found = self._redis.zrevrangebyscore(
                RECENT_INDEX.key, highest, "-inf", start=0, num=limit + skip + 1, withscores=True
            )
        after = [(i, int(ms)) for i, ms in found if not cursor or int(ms) < int(highest) or i < before_id]
        following = f"{after[limit - 1][1]}:{after[limit - 1][0]}" if len(after) > limit else None
        return [customer_id for customer_id, _ in after[:limit]], following

    def _search(self, prefix: str, limit: int, cursor: str | None) -> tuple[list[Customer], str | None]:
        """Customers by the first of their terms that begins with `prefix`; the cursor is an entry of the index."""
        low = f"({cursor}" if cursor else f"[{prefix}"
        found: list[Customer] = []
        last: str | None = None
        while len(found) <= limit:
            with self._talk():
                entries = self._redis.zrangebylex(SEARCH_INDEX.key, low, f"({prefix}{LAST}", start=0, num=limit * 2)
            if not entries:
                return found, None
            customers = self.customers_by_id([split_entry(entry)[1] for entry in entries])
            for entry, customer in zip(entries, customers, strict=True):
                if not _is_first_term(entry, prefix, customer):
                    continue
                if len(found) == limit:
                    return found, last
                found.append(customer)
                last = entry
            low = f"({entries[-1]}"
        return found, last

    def exists(self, customer_id: str) -> bool:
        """Whether the live or the gold view has the customer."""
        with self._talk():
            return bool(self._redis.exists(LIVE_VIEW.key_for(customer_id), GOLD_VIEW.key_for(customer_id)))

    def ping(self) -> None:
        """Nothing, if Redis answers."""
        with self._talk():
            self._redis.ping()

    def changes(self) -> "ChangeFeed":
        """Follow the changes from now on."""
        with self._talk():
            feed = self._redis.pubsub(ignore_subscribe_messages=True)
            feed.subscribe(CHANGES.key)
        return ChangeFeed(feed, self._settings)

    @contextmanager
    def _talk(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise RedisUnavailable(why(error, self._settings)) from error


class ChangeFeed:
    """The changes as they are published. Holds one connection."""

    def __init__(self, feed: Any, settings: Settings) -> None:
        self._feed = feed
        self._settings = settings

    def read(self, timeout_s: float, at_most: int = 5000) -> list[Change]:
        """Wait up to `timeout_s` for a change, then take all that are there; each once, in order.

        Raises:
            RedisUnavailable: the connection is lost; changes may have been missed.
        """
        changes: dict[Change, None] = {}
        try:
            message = self._feed.get_message(timeout=timeout_s)
            for _ in range(at_most):
                if message is None:
                    break
                changes[Change(**json.loads(message["data"]))] = None
                message = self._feed.get_message(timeout=0)
        except RedisError as error:
            raise RedisUnavailable(why(error, self._settings)) from error
        except (ValueError, TypeError):
            LOG.warning("a message on %s is not a change", CHANGES.key)
        return list(changes)

    def close(self) -> None:
        """Let go of the connection."""
        self._feed.close()


def _view_row(key: str, text: str | None) -> ViewRow | None:
    if text is None:
        return None
    try:
        return ViewRow(**json.loads(text))
    except (ValueError, TypeError) as error:
        LOG.warning("Redis key %s does not hold a row: %s", key, error)
        return None


def _is_first_term(entry: str, prefix: str, customer: Customer) -> bool:
    """A customer found by several terms is shown once: at the first of them."""
    if customer.live is None:
        return False
    matching = sorted(term for term in terms(customer.live.row) if term.startswith(prefix))
    return bool(matching) and matching[0] == split_entry(entry)[0]


def _time_and_id(cursor: str) -> tuple[str, str]:
    ms, _, customer_id = cursor.partition(":")
    if not ms.isascii() or not ms.isdigit():
        raise BadInput("cursor: not one that a page gave")
    return ms, customer_id


def _encode_cursor(place: str | None) -> str | None:
    return None if place is None else base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str | None) -> str | None:
    if not cursor:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadInput("cursor: not one that a page gave") from error
