"""The quarantine as it is stored, and which of its records are open: not replayed yet."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple

from contracts.faults import Reason
from contracts.marketing import BRONZE_ACTIVATIONS, BRONZE_ORDERS, BRONZE_PROFILES, QUARANTINE
from scripts.audit.lakehouse import Lakehouse
from scripts.replay.errors import ReplayError

BRONZE = (BRONZE_PROFILES, BRONZE_ORDERS, BRONZE_ACTIVATIONS)
_COLUMNS = ("topic", "partition", "offset", "timestamp_ms", "key", "value", "reason", "detail", "schema_id")
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Quarantined(NamedTuple):
    """A row of the quarantine."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    schema_id: int | None

    @property
    def place(self) -> str:
        """Where the record lies, as people and headers write it: `topic:partition:offset`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True)
class Choice:
    """Which records are meant: those with the reason and of the topic, if any, and not older than `since_ms`."""

    reason: str = ""
    topic: str = ""
    since_ms: int = 0

    def takes(self, record: Quarantined) -> bool:
        """Whether `record` is meant."""
        return (
            self.reason in ("", record.reason)
            and self.topic in ("", record.topic)
            and record.timestamp_ms >= self.since_ms
        )


def chosen(reason: str, topic: str, since: str, topics: Iterable[str], now_ms: int) -> Choice:
    """The choice that a person typed. `since` is a duration (30m, 2h, 7d) or a time (2026-01-31T12:00).

    Raises:
        ReplayError: there is no such reason or topic, or `since` cannot be read.
    """
    known = [each.value for each in Reason]
    if reason and reason not in known:
        raise ReplayError(f"no reason {reason!r}; the reasons are {', '.join(known)}")
    if topic and topic not in (names := list(topics)):
        raise ReplayError(f"no topic {topic!r}; the topics are {', '.join(names)}")
    return Choice(reason, topic, _since_ms(since, now_ms) if since else 0)


def _since_ms(text: str, now_ms: int) -> int:
    match = re.fullmatch(r"(\d+)([mhd])", text)
    if match:
        return now_ms - int(match[1]) * _UNITS_MS[match[2]]
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        wanted = "a duration like 30m, 2h or 7d, or a time like 2026-01-31T12:00"
        raise ReplayError(f"{text!r} is not {wanted}") from error
    return int((time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def read_quarantine(lakehouse: Lakehouse) -> dict[str, Quarantined]:
    """Every record in quarantine by its place, in the order of their times."""
    rows = [Quarantined(*row) for row in lakehouse.rows(QUARANTINE, _COLUMNS)]
    return {row.place: row for row in sorted(rows, key=lambda row: (row.timestamp_ms, row.place))}


def read_replayed(lakehouse: Lakehouse) -> dict[str, str]:
    """What the lakehouse knows to be replayed: the place of the quarantined record → that of the mended one."""
    found = {}
    for table, names in (
        *((table, ("_topic", "_partition", "_offset", "_replayed_from")) for table in BRONZE),
        (QUARANTINE, ("topic", "partition", "offset", "replayed_from")),
    ):
        for topic, partition, offset, source in lakehouse.rows(table, names, where=f'"{names[3]}" IS NOT NULL'):
            found[source] = f"{topic}:{partition}:{offset}"
    return found


def next_offsets(lakehouse: Lakehouse) -> dict[tuple[str, int], int]:
    """The first offset of each (topic, partition) that the lakehouse does not hold."""
    found: dict[tuple[str, int], int] = {}
    for table, names in (
        *((table, ("_topic", "_partition", "_offset")) for table in BRONZE),
        (QUARANTINE, ("topic", "partition", "offset")),
    ):
        for topic, partition, offset in lakehouse.rows(table, names):
            place = topic, partition
            found[place] = max(found.get(place, 0), offset + 1)
    return found


def counts(records: Iterable[Quarantined], replayed: Mapping[str, str]) -> Iterator[tuple[str, str, int, int]]:
    """(reason, topic, in quarantine, of these replayed), the most frequent first."""
    found: dict[tuple[str, str], list[int]] = {}
    for record in records:
        both = found.setdefault((record.reason, record.topic), [0, 0])
        both[0] += 1
        both[1] += record.place in replayed
    for (reason, topic), (total, done) in sorted(found.items(), key=lambda each: (-each[1][0], each[0])):
        yield reason, topic, total, done
