"""Is a mended record right, and may it still be replayed? Pure: what is known comes in, an event or a reason comes out.

The rules are the audit's reading of the contract; a fourth form of them would be one too many.
"""

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastavro
from fastavro.validation import ValidationError

from contracts.faults import Kind
from contracts.model import Topic
from scripts.audit.classify import Codec, classify
from scripts.audit.source import KIND_OF
from scripts.replay.lines import Mended
from scripts.replay.quarantine import Quarantined
from webapp.commands.events import Event
from webapp.commands.framing import AvroFramer


class Refused(Exception):
    """Raised when a mended record must not be replayed; says why."""


@dataclass(frozen=True)
class Newest:
    """The newest that bronze knows of a customer: the event time of the newest profile, the record time of an erase."""

    profile_ms: int = -1
    erased_ms: int = -1


@dataclass
class Desk:
    """Where mended records are looked at, one after another.

    `quarantine` and `replayed` are by place, `newest` by customer. `topics` are the lab's, by name.
    """

    topics: Mapping[str, Topic]
    quarantine: Mapping[str, Quarantined]
    replayed: Mapping[str, str]
    newest: Mapping[str, Newest]
    framer: AvroFramer
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    _seen: set[str] = field(default_factory=set)

    def event(self, mended: Mended) -> Event:
        """The event to publish in place of the quarantined record.

        Raises:
            Refused: the record is unknown, was replayed before, breaks the contract, or is out of date.
        """
        source = self.quarantine.get(mended.replays)
        if source is None:
            raise Refused(f"{mended.replays} is not in quarantine")
        if mended.replays in self.replayed:
            raise Refused(f"already replayed, as {self.replayed[mended.replays]}")
        if mended.replays in self._seen:
            raise Refused("twice in this file")
        topic = self.topics[source.topic]
        self._check_fields(topic, mended.value)
        self._check_contract(topic, mended)
        event = Event(topic, mended.key or "", mended.value)
        if KIND_OF[topic.name] is Kind.PROFILE:
            self._check_newest(source, event)
        self._seen.add(mended.replays)
        return event

    def _check_fields(self, topic: Topic, value: dict[str, Any] | None) -> None:
        """The value has just the fields of the schema, each of its type."""
        if value is None:
            return
        schema = self.framer.parsed_schema(topic)
        try:
            fastavro.schemaless_writer(io.BytesIO(), schema, value, strict_allow_default=True)
            fastavro.validate(value, schema, raise_errors=True)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError, ValidationError) as error:
            why = " ".join(str(error).split())
            raise Refused(f"does not fit {topic.schema_file}: {why}") from error

    def _check_contract(self, topic: Topic, mended: Mended) -> None:
        parsed = self.framer.parsed_schema(topic)
        key = None if mended.key is None else mended.key.encode()
        value = self.framer.frame(topic, mended.value)
        verdict = classify(KIND_OF[topic.name], key, value, self.now_ms(), lambda _: Codec(parsed))
        if verdict.reason is not None:
            detail = f" ({verdict.detail})" if verdict.detail else ""
            raise Refused(f"still {verdict.reason.value}{detail}")

    def _check_newest(self, source: Quarantined, event: Event) -> None:
        """A profile replaces the whole row: a late one must not take away what came after it."""
        known = self.newest.get(event.key, Newest())
        at_ms = source.timestamp_ms if event.value is None else event.value["occurred_at_ms"]
        if known.erased_ms > source.timestamp_ms:
            raise Refused("out of date: the customer was erased after it")
        if known.profile_ms > at_ms:
            raise Refused("out of date: a newer profile of the customer is there")
