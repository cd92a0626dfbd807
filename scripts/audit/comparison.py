"""One comparison of everything with everything, from one noted state of the topics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.faults import FAULTS
from contracts.marketing import (
    CUSTOMER_PROFILE,
    GOLD_CUSTOMER_360,
    GOLD_PROPENSITY,
    GOLD_VIEW,
    LIVE_VIEW,
    MARKETING,
    PROPENSITY_VIEW,
    QUARANTINE,
    RECENT_INDEX,
    SEARCH_INDEX,
    SEGMENT_VIEW,
    SILVER_ACTIVATIONS,
    SILVER_CUSTOMERS,
    SILVER_ORDERS,
)
from contracts.model import Cleanup, View
from scripts.audit.books import Books
from scripts.audit.cache import Cache
from scripts.audit.check_positions import (
    LedgerLine,
    check_complete,
    check_judgement,
    check_ledger,
    check_replayed,
)
from scripts.audit.check_tables import (
    check_gold,
    check_profiles,
    check_propensity_table,
    check_silver_customers,
    check_silver_ids,
)
from scripts.audit.check_views import (
    check_gold_view,
    check_indexes,
    check_live,
    check_live_is_gold,
    check_propensity,
    check_segments,
    check_view_is_topic,
)
from scripts.audit.findings import Check
from scripts.audit.held import Held, read_held
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.latest import read_latest, row_decoder
from scripts.audit.registry import Codecs
from scripts.audit.source import STREAMS, Source, enter_compacted, read_source
from scripts.audit.topics import Spans, Topics

Rows = dict[str, dict[str, Any]]

GOLD_COLUMNS = (
    "customer_id",
    "email",
    "first_name",
    "last_name",
    "created_at_ms",
    "is_active",
    "lifecycle_stage",
    "order_count",
    "lifetime_value_cents",
    "average_order_value_cents",
    "first_order_at_ms",
    "last_order_at_ms",
    "delivered",
    "failed",
    "engagement_rate",
    "last_event_id",
    "last_event_at_ms",
    "version",
)
COMPARED_FIELDS = {*GOLD_COLUMNS, "segment", "score", "scored_at_ms"}
VIEW_NAMES: Mapping[View, str] = {
    LIVE_VIEW: "live",
    SEGMENT_VIEW: "segment",
    GOLD_VIEW: "gold",
    PROPENSITY_VIEW: "propensity",
}


@dataclass
class Readers:
    """Where the audit reads: the broker, the registry, the lakehouse, Redis, and the generators' ledgers."""

    topics: Topics
    codecs: Codecs
    lakehouse: Lakehouse
    cache: Cache
    ledger: Iterable[LedgerLine] = ()


@dataclass
class Comparison:
    """Compares, and keeps what need not be read again while it does not change."""

    readers: Readers
    _source: tuple[Any, Source] | None = field(default=None, init=False)
    _held: tuple[Any, Held] | None = field(default=None, init=False)

    def run(self, spans: Spans) -> list[Check]:
        """All checks, as of `spans`.

        Raises:
            CannotAudit: a service does not answer.
            BooksMoved: a table or a log changed while it was read.
        """
        held = self._read_held()
        source = self._read_source(spans)
        checks = [*self._positions(source, held, spans)]
        tables, versions, scores = self._tables(source.books)
        checks += tables
        checks += self._views(source.books, versions, scores, spans)
        for check in checks[:1]:
            check.notes += source.notes
        return checks

    def _read_source(self, spans: Spans) -> Source:
        mine = {stream.topic.name for stream in STREAMS}
        known = {place: span for place, span in spans.items() if place[0] in mine}
        versions = [self.readers.lakehouse.version(stream.bronze) for stream in STREAMS]
        some_removed = any(span.start for place, span in known.items() if place[0] != CUSTOMER_PROFILE.name)
        key = known, versions if some_removed else None
        if self._source is None or self._source[0] != key:
            self._source = None
            self._source = key, read_source(self.readers.topics, self.readers.lakehouse, self.readers.codecs.of, spans)
        return self._source[1]

    def _read_held(self) -> Held:
        tables = (*(stream.bronze for stream in STREAMS), QUARANTINE)
        versions = [self.readers.lakehouse.version(table) for table in tables]
        if self._held is None or self._held[0] != versions:
            self._held = None
            self._held = versions, read_held(self.readers.lakehouse, self.readers.codecs.of)
        return self._held[1]

    def _positions(self, source: Source, held: Held, spans: Spans) -> list[Check]:
        compacted = {topic.name for topic in MARKETING.topics if topic.cleanup is Cleanup.COMPACT}
        broken = enter_compacted(source, self.readers.lakehouse, spans)
        return [
            check_complete(source.marks, held.marks, spans, compacted),
            check_judgement(source.marks, held.marks, source.faulty, held.quarantined, broken),
            check_replayed(held.replays, held.quarantined),
            check_ledger(self.readers.ledger, held.marks, held.quarantined, FAULTS),
        ]

    def _tables(self, books: Books) -> tuple[list[Check], dict[str, int], dict[str, tuple[float, int]]]:
        rows = self.readers.lakehouse.rows
        place = ("_partition", "_offset")
        orders: Any = rows(SILVER_ORDERS, ("order_id", *place))
        activations: Any = rows(SILVER_ACTIVATIONS, ("activation_id", *place))
        customers: Any = rows(SILVER_CUSTOMERS, ("customer_id", "_offset"))
        gold_rows = (dict(zip(GOLD_COLUMNS, row, strict=True)) for row in rows(GOLD_CUSTOMER_360, GOLD_COLUMNS))
        checks = [
            check_silver_customers(books, customers),
            check_silver_ids("orders", books.orders, orders, books.duplicate_orders),
            check_silver_ids("activations", books.activations, activations, books.duplicate_activations),
        ]
        gold, versions = check_gold(books, gold_rows)
        scored: Any = rows(GOLD_PROPENSITY, ("customer_id", "score", "scored_at_ms"))
        propensity, scores = check_propensity_table(versions, scored)
        return [*checks, gold, propensity, check_profiles(books)], versions, scores

    def _views(
        self, books: Books, versions: Mapping[str, int], scores: Mapping[str, tuple[float, int]], spans: Spans
    ) -> list[Check]:
        """The views one after another, so that no more than two are in memory at once."""
        checks = []
        same, propensity = self._view(PROPENSITY_VIEW, spans)
        checks += [same, check_propensity(scores, propensity)]
        same, segments = self._view(SEGMENT_VIEW, spans)
        checks += [same, check_segments(books, segments)]
        del propensity, segments
        same, gold = self._view(GOLD_VIEW, spans)
        checks += [same, check_gold_view(versions, gold, books)]
        same, live = self._view(LIVE_VIEW, spans)
        checks += [same, check_live(books, live), check_live_is_gold(live, gold)]
        cache = self.readers.cache
        checks.append(check_indexes(live, cache.members(RECENT_INDEX), cache.members(SEARCH_INDEX)))
        return checks

    def _view(self, view: View, spans: Spans) -> tuple[Check, Rows]:
        """The check of a view against its topic, and the compared fields of its rows by id."""
        topic = view.source
        if topic is None:
            raise ValueError(f"view {view.key} has no topic")
        rows: Rows = {}

        def cached() -> Iterable[tuple[str, dict[str, Any] | None]]:
            for row_id, envelope in self.readers.cache.rows(view, self.readers.cache.ids(view)):
                if envelope is not None:
                    row = envelope.get("row") or {}
                    rows[row_id] = {name: row[name] for name in COMPARED_FIELDS if name in row}
                yield row_id, envelope

        by_version = view is GOLD_VIEW
        latest = read_latest(self.readers.topics, topic, spans, by_version=by_version)
        decoder = row_decoder(topic, self.readers.codecs.of)
        return check_view_is_topic(VIEW_NAMES[view], latest, cached(), decoder, by_version=by_version), rows
