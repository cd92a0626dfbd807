"""The three event topics, read once: which positions exist, which are faulty, and the books they make."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.faults import Kind
from contracts.marketing import (
    ACTIVATION_STATUS,
    BRONZE_ACTIVATIONS,
    BRONZE_ORDERS,
    BRONZE_PROFILES,
    CUSTOMER_PROFILE,
    ORDER_PLACED,
)
from contracts.model import Table, Topic
from scripts.audit.books import Books
from scripts.audit.check_positions import Faulty, Position
from scripts.audit.classify import Codec, broken_rule, classify
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.positions import FAULTY, Marks
from scripts.audit.topics import Spans, Topics


@dataclass(frozen=True)
class Stream:
    """An event topic, the kind of its records, and its bronze table."""

    topic: Topic
    kind: Kind
    bronze: Table


STREAMS = (
    Stream(CUSTOMER_PROFILE, Kind.PROFILE, BRONZE_PROFILES),
    Stream(ORDER_PLACED, Kind.ORDER, BRONZE_ORDERS),
    Stream(ACTIVATION_STATUS, Kind.ACTIVATION, BRONZE_ACTIVATIONS),
)
KIND_OF = {stream.topic.name: stream.kind for stream in STREAMS}

_FACT_COLUMNS = {
    Kind.ORDER: ("order_id", "customer_id", "order_total_cents", "placed_at_ms", "occurred_at_ms", "event_id"),
    Kind.ACTIVATION: ("activation_id", "customer_id", "status", "occurred_at_ms", "event_id"),
}
_PROFILE_COLUMNS = (
    "event_id",
    "occurred_at_ms",
    "customer_id",
    "email",
    "first_name",
    "last_name",
    "created_at_ms",
    "lifecycle_stage",
    "is_active",
)
_PLACE = ("_partition", "_offset")

CodecOf = Callable[[str, int], Codec | None]
"""Subject and schema id → codec."""


@dataclass
class Source:
    """What the event topics hold. `from_bronze` counts facts that retention removed and bronze alone still has."""

    marks: Marks = field(default_factory=Marks)
    faulty: dict[Position, Faulty] = field(default_factory=dict)
    books: Books = field(default_factory=Books)
    from_bronze: int = 0

    @property
    def notes(self) -> list[str]:
        """What a reader of the checks should know of where the books come from."""
        return [f"{self.from_bronze:,} facts that retention removed come from bronze"] if self.from_bronze else []


def digest(key: bytes | None, value: bytes | None) -> bytes:
    """A fingerprint of a record's raw key and value."""
    made = hashlib.blake2b(digest_size=12)
    for part in (key, value):
        made.update(b"-" if part is None else b"+%d " % len(part) + part)
    return made.digest()


def read_source(topics: Topics, lakehouse: Lakehouse, codec_of: CodecOf, spans: Spans) -> Source:
    """Read the event topics within `spans`; facts before the start of a log come from bronze, their only witness."""
    source = Source()
    for stream in STREAMS:
        if stream.kind is not Kind.PROFILE:
            _enter_removed(source, stream, lakehouse, spans)
        _enter_topic(source, stream, topics, codec_of, spans)
    return source


def _enter_topic(source: Source, stream: Stream, topics: Topics, codec_of: CodecOf, spans: Spans) -> None:
    name, kind, subject = stream.topic.name, stream.kind, stream.topic.subject

    def codec(schema_id: int) -> Codec | None:
        return codec_of(subject, schema_id)

    for partition, offset, timestamp_ms, key, value in topics.read(name, spans):
        verdict = classify(kind, key, value, timestamp_ms, codec)
        if verdict.reason is not None:
            source.faulty[name, partition, offset] = Faulty(verdict.reason, digest(key, value))
        source.marks.add(name, partition, offset, FAULTY if verdict.reason else 0)
        source.books.enter(kind, key, (partition, offset), verdict)


def _enter_removed(source: Source, stream: Stream, lakehouse: Lakehouse, spans: Spans) -> None:
    """Enter the facts that retention has removed from the topic, in the order of their offsets."""
    removed = " OR ".join(
        f'("_partition" = {partition} AND "_offset" < {span.start})'
        for (name, partition), span in spans.items()
        if name == stream.topic.name and span.start > 0
    )
    if not removed:
        return
    columns = _FACT_COLUMNS[stream.kind]
    enter = source.books.enter_order if stream.kind is Kind.ORDER else source.books.enter_activation
    for partition, offset, *values in lakehouse.rows(
        stream.bronze, (*_PLACE, *columns), where=removed, order='"_partition", "_offset"'
    ):
        enter((partition, offset), dict(zip(columns, values, strict=True)))
        source.from_bronze += 1


def enter_compacted(source: Source, lakehouse: Lakehouse, spans: Spans) -> list[tuple[Position, str]]:
    """Enter the profiles that compaction removed from the topic: one counts where no later right one is left.

    Returns:
        positions of such bronze rows that break a rule of the contract, with what they break.
    """
    topic = CUSTOMER_PROFILE.name
    columns = (*_PLACE, "_key", "_timestamp_ms", "_is_tombstone", *_PROFILE_COLUMNS)
    broken = []
    for partition, offset, key, timestamp_ms, is_tombstone, *values in lakehouse.rows(BRONZE_PROFILES, columns):
        span = spans.get((topic, partition))
        if source.marks.get(topic, partition, offset) or (span is not None and offset >= span.end):
            continue
        row = None if is_tombstone else dict(zip(_PROFILE_COLUMNS, values, strict=True))
        reason = _broken(row, key, timestamp_ms)
        if reason:
            broken.append(((topic, partition, offset), reason))
        else:
            source.books.enter_profile(key, offset, row)
    return broken


def _broken(row: Mapping[str, Any] | None, key: str | None, timestamp_ms: int) -> str:
    if key is None:
        return "it has no key"
    if row is None:
        return ""
    absent: Iterable[str] = [name for name in ("event_id", "customer_id", "occurred_at_ms") if row[name] is None]
    if absent:
        return f"it has no {', '.join(absent)}"
    reason, detail = broken_rule(Kind.PROFILE, row, key, timestamp_ms)
    return f"it has {reason.value} ({detail})" if reason else ""
