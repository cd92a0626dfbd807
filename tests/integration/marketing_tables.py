"""The tables of the marketing SQL: what the event topics say they hold, by the audit's rules, and what they hold."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import Message
from topic_reading import records_from

from contracts import marketing
from contracts.faults import Kind
from contracts.model import Topic
from contracts.settings import Settings
from scripts.audit import rules
from scripts.audit.books import Account, Books, Profile, common_row
from scripts.audit.classify import IDS, classify
from scripts.audit.latest import row_decoder
from scripts.audit.registry import Codecs
from scripts.audit.source import STREAMS

Row = dict[str, Any]
Rows = Mapping[str, Row]

TABLES = (
    marketing.CUSTOMER_VALID,
    marketing.ORDER_BY_ID,
    marketing.ORDER_SUMS,
    marketing.ORDER_TIMES,
    marketing.ACTIVATION_BY_ID,
    marketing.ACTIVATION_SUMS,
    marketing.ACTIVATION_LATEST,
    marketing.CUSTOMER_CONSOLIDATED,
    marketing.SEGMENT_MATERIALIZED,
)


class NewRecords:
    """Hands on every record of some topics once."""

    def __init__(self, settings: Settings, topics: Sequence[Topic]) -> None:
        self._settings = settings
        self._next = {(topic.name, number): 0 for topic in topics for number in range(topic.partitions)}

    def __iter__(self) -> Iterator[Message]:
        for message in records_from(self._settings, dict(self._next)):
            self._next[message.topic(), message.partition()] = message.offset() + 1
            yield message


class Events:
    """What the event topics say: profiles and sums by the audit's books, and the first right record of each fact."""

    def __init__(self, settings: Settings) -> None:
        self.books = Books()
        self.orders: dict[str, Row] = {}
        self.activations: dict[str, Row] = {}
        self._codecs = Codecs(settings.registry_url)
        self._records = NewRecords(settings, [stream.topic for stream in STREAMS])

    def read(self) -> None:
        """Take in what came since the last time."""
        kinds = {stream.topic.name: (stream.kind, partial(self._codecs.of, stream.topic.subject)) for stream in STREAMS}
        for message in self._records:
            kind, codec_of = kinds[message.topic()]
            verdict = classify(kind, message.key(), message.value(), message.timestamp()[1], codec_of)
            self.books.enter(kind, message.key(), (message.partition(), message.offset()), verdict)
            if verdict.reason is None and verdict.row is not None and kind is not Kind.PROFILE:
                firsts = self.orders if kind is Kind.ORDER else self.activations
                firsts.setdefault(verdict.row[IDS[kind][-1]], verdict.row)


@dataclass
class Held:
    """What the tables' topics hold: the last row of each key and its time.

    `activations_seen` are, by customer and partition, channel and status of the last row of the activations' topic.
    """

    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {topic.name: {} for topic in TABLES})
    times_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    activations_seen: dict[str, dict[int, tuple[str, str]]] = field(default_factory=lambda: defaultdict(dict))


class Tables:
    """Reads the tables' topics."""

    def __init__(self, settings: Settings) -> None:
        self.held = Held()
        self._records = NewRecords(settings, TABLES)
        codecs = Codecs(settings.registry_url)
        self._decode = {topic.name: row_decoder(topic, codecs.of) for topic in TABLES}

    def read(self) -> None:
        """Take in what came since the last time."""
        for message in self._records:
            name, key, value = message.topic(), message.key().decode(), message.value()
            if value is None:
                self.held.rows[name].pop(key, None)
                continue
            row = self.held.rows[name][key] = self._decode[name](value)
            self.held.times_ms[name, key] = message.timestamp()[1]
            if name == marketing.ACTIVATION_BY_ID.name:
                seen = row["channel"], row["status"]
                self.held.activations_seen[row["customer_id"]][message.partition()] = seen


def differences(events: Events, held: Held) -> list[str]:
    """What is missing, too much or wrong in any table, by table and key."""
    expected = expected_tables(events, held)
    return [
        f"{name} {key}: {held.rows[name].get(key)}, expected {rows.get(key)}"
        for name, rows in expected.items()
        for key in sorted({*rows, *held.rows[name]})
        if rows.get(key) != held.rows[name].get(key)
    ]


def expected_tables(events: Events, held: Held) -> dict[str, Rows]:
    """Every table by its topic's name.

    Where the SQL leaves a choice, a possible choice of the engine is taken over: which of two partitions' newest
    activations is the latest, and which way a score's half is rounded.
    """
    orders, activations = _by_customer(events.orders), _by_customer(events.activations)
    live = {key: (account, profile) for key, account, profile in events.books.customers() if account.is_live}
    latest = {key: _latest(key, rows, held) for key, rows in activations.items()}
    consolidated = {key: _consolidated(key, *of, latest.get(key, {})) for key, of in live.items()}
    tables = {
        marketing.CUSTOMER_VALID: {key: _valid(profile) for key, (_, profile) in live.items()},
        marketing.ORDER_BY_ID: {key: _order(row) for key, row in events.orders.items()},
        marketing.ORDER_SUMS: {key: _order_sums(rows) for key, rows in orders.items()},
        marketing.ORDER_TIMES: {key: _order_times(rows) for key, rows in orders.items()},
        marketing.ACTIVATION_BY_ID: {key: _activation(row) for key, row in events.activations.items()},
        marketing.ACTIVATION_SUMS: {key: _activation_sums(rows) for key, rows in activations.items()},
        marketing.ACTIVATION_LATEST: latest,
        marketing.CUSTOMER_CONSOLIDATED: consolidated,
        marketing.SEGMENT_MATERIALIZED: {key: _segment(key, row, held) for key, row in consolidated.items()},
    }
    return {topic.name: rows for topic, rows in tables.items()}


def _by_customer(facts: Mapping[str, Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in facts.values():
        found[row["customer_id"]].append(row)
    return found


def _mark(occurred_at_ms: int, event_id: str) -> str:
    return f"{occurred_at_ms:016d}{event_id}"


def _mark_of(row: Row) -> str:
    return _mark(row["occurred_at_ms"], row["event_id"])


def _valid(profile: Profile) -> Row:
    names = ("email", "first_name", "last_name", "created_at_ms", "lifecycle_stage", "is_active")
    return {**{name: getattr(profile, name) for name in names}, "event_mark": _mark(*profile.mark)}


def _order(row: Row) -> Row:
    names = ("customer_id", "order_total_cents", "placed_at_ms")
    return {**{name: row[name] for name in names}, "event_mark": _mark_of(row)}


def _order_sums(rows: list[Row]) -> Row:
    return {"order_count": len(rows), "lifetime_value_cents": sum(row["order_total_cents"] for row in rows)}


def _order_times(rows: list[Row]) -> Row:
    placed = [row["placed_at_ms"] for row in rows]
    newest = max(map(_mark_of, rows))
    return {"first_order_at_ms": min(placed), "last_order_at_ms": max(placed), "event_mark": newest}


def _activation(row: Row) -> Row:
    return {**{name: row[name] for name in ("customer_id", "channel", "status")}, "event_mark": _mark_of(row)}


def _activation_sums(rows: list[Row]) -> Row:
    delivered = sum(row["status"] == "delivered" for row in rows)
    return {"delivered": delivered, "failed": len(rows) - delivered}


def _latest(customer_id: str, rows: list[Row], held: Held) -> Row:
    """The latest activation: the last row of one of the partitions, whichever the engine read last."""
    row = held.rows[marketing.ACTIVATION_LATEST.name].get(customer_id, {})
    chosen = row.get("last_channel"), row.get("last_status")
    possible = held.activations_seen[customer_id].values()
    channel, status = chosen if chosen in possible else next(iter(possible), (None, None))
    return {"last_channel": channel, "last_status": status, "event_mark": max(map(_mark_of, rows))}


def _consolidated(customer_id: str, account: Account, profile: Profile, latest: Row) -> Row:
    return {
        **common_row(customer_id, account, profile),
        "lifecycle_stage": profile.lifecycle_stage,
        "last_channel": latest.get("last_channel"),
        "last_status": latest.get("last_status"),
    }


def _segment(customer_id: str, consolidated: Row, held: Held) -> Row:
    orders, cents = consolidated["order_count"], consolidated["lifetime_value_cents"]
    score = held.rows[marketing.SEGMENT_MATERIALIZED.name].get(customer_id, {}).get("score")
    fits = isinstance(score, float) and rules.score_fits(score, orders, cents)
    return {
        "customer_id": customer_id,
        "segment": rules.segment(orders, cents, consolidated["lifecycle_stage"]),
        "score": score if fits else f"{cents} / 20000 + {orders} / 10",
        "materialized_at": held.times_ms.get((marketing.CUSTOMER_CONSOLIDATED.name, customer_id)),
    }
