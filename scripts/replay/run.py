"""Exports what is open in quarantine, and publishes what was mended, each record at most once."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from contracts.faults import REPLAYED_FROM
from contracts.marketing import BRONZE_PROFILES
from contracts.model import Lab
from contracts.settings import Settings
from scripts.audit.lakehouse import Lakehouse
from scripts.replay.errors import ReplayError
from scripts.replay.lines import BadLine, WriterOf, from_line, to_line
from scripts.replay.mending import Desk, Newest, Refused
from scripts.replay.quarantine import (
    Choice,
    Quarantined,
    next_offsets,
    read_quarantine,
    read_replayed,
)
from scripts.replay.tail import replayed_in_tail
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import EventPublisher

Say = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """What is in quarantine by place, and which of it was replayed, as which record."""

    records: dict[str, Quarantined]
    replayed: dict[str, str]

    def open(self, choice: Choice) -> list[Quarantined]:
        """The chosen records that were not replayed yet."""
        return [each for place, each in self.records.items() if place not in self.replayed and choice.takes(each)]


@dataclass
class Outcome:
    """What a replay did: records published, and refused lines with their number and reason."""

    replayed: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_state(settings: Settings, lab: Lab, lakehouse: Lakehouse) -> State:
    """The quarantine and what was replayed of it, also in this very moment.

    Raises:
        CannotAudit: a table cannot be read.
        ReplayError: the broker does not answer.
    """
    # Positions first: what moves into the lakehouse meanwhile is then seen twice, and never missed.
    firsts = next_offsets(lakehouse)
    records, replayed = read_quarantine(lakehouse), read_replayed(lakehouse)
    tail = replayed_in_tail(settings, [topic.name for topic in lab.with_schema()], firsts)
    return State(records, replayed | tail)


def export(records: Iterable[Quarantined], folder: Path, writer_of: WriterOf) -> Counter[Path]:
    """Write the records into one file per reason; the number of lines of each.

    Raises:
        ReplayError: one of the files is there already: somebody may be mending it.
    """
    files: dict[Path, list[str]] = {}
    for record in records:
        files.setdefault(folder / f"{record.reason}.jsonl", []).append(to_line(record, writer_of))
    for path in files:
        if path.exists():
            raise ReplayError(f"{path} is there already. Remedy: another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, lines in files.items():
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return Counter({path: len(lines) for path, lines in files.items()})


def replay(settings: Settings, lab: Lab, lakehouse: Lakehouse, state: State, lines: Iterable[str]) -> Outcome:
    """Publish every mended record of `lines` that is right, with a header that names what it replaces.

    Raises:
        PublishError: the broker or the registry does not answer; what it has already is known by the header.
    """
    framer = AvroFramer(settings, lab)
    topics = {topic.name: topic for topic in lab.with_schema()}
    desk = Desk(topics, state.records, state.replayed, read_newest(lakehouse), framer)
    publisher = EventPublisher(settings, lab, framer=framer)
    outcome = Outcome()
    try:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                mended = from_line(line)
                event = desk.event(mended)
            except (BadLine, Refused) as refusal:
                outcome.refused.append((number, str(refusal)))
                continue
            publisher.publish(event, headers={REPLAYED_FROM: mended.replays.encode()})
            outcome.replayed += 1
    finally:
        publisher.close()
    return outcome


def read_newest(lakehouse: Lakehouse) -> dict[str, Newest]:
    """The newest that bronze knows of each customer."""
    found: dict[str, Newest] = {}
    columns = ("_key", "_is_tombstone", "_timestamp_ms", "occurred_at_ms")
    for key, is_tombstone, timestamp_ms, occurred_at_ms in lakehouse.rows(BRONZE_PROFILES, columns):
        known = found.get(key, Newest())
        if is_tombstone:
            found[key] = Newest(known.profile_ms, max(known.erased_ms, timestamp_ms))
        else:
            found[key] = Newest(max(known.profile_ms, occurred_at_ms), known.erased_ms)
    return found
