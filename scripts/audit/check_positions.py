"""Checks on positions: every record is in bronze or in quarantine, once, and where it belongs. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.faults import Fault as FaultKind
from contracts.faults import Outcome, Reason
from scripts.audit.classify import is_allowed
from scripts.audit.findings import Check
from scripts.audit.positions import AGAIN, FAULTY, PRESENT, QUARANTINED, Marks, walk
from scripts.audit.topics import Span, Spans

Position = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True)
class Quarantined:
    """A row of the quarantine: what it says, and what the audit finds in its raw bytes (None: nothing wrong).

    `digest` is that of key and value, to compare with the topic's record.
    """

    said: str
    found: Reason | None
    digest: bytes


@dataclass(frozen=True)
class Faulty:
    """A record of a topic that breaks the contract, by the audit's own judgement."""

    reason: Reason
    digest: bytes


@dataclass(frozen=True)
class LedgerLine:
    """What a generator noted of an acknowledged record. `fault` is the injected fault's name, None for a right one."""

    position: Position
    row_id: str
    fault: str | None


def place(position: Position) -> str:
    """A position as people write it."""
    topic, partition, offset = position
    return f"{topic}:{partition}:{offset}"


def check_complete(in_topics: Marks, in_tables: Marks, spans: Spans, compacted: set[str]) -> Check:
    """Every record of the topics is in bronze or quarantine, exactly once; neither holds one that never was.

    What lies before a log's start is not looked for (retention), nor what a compacted topic no longer has.
    """
    check = Check("records: bronze + quarantine hold each once")
    removed = 0
    for topic, partition, offset, of_topic, of_table in walk(in_topics, in_tables):
        span = spans.get((topic, partition), Span(0, 0))
        at = place((topic, partition, offset))
        if of_table & AGAIN:
            check.differ(f"{at}: held more than once")
        elif offset >= span.end and (topic, partition) in spans:
            continue
        elif of_topic and not of_table:
            check.differ(f"{at}: neither in bronze nor in quarantine")
        elif of_table and not of_topic:
            if topic not in compacted and offset >= span.start:
                check.differ(f"{at}: held, but not in the topic")
            removed += 1
        check.checked += 1
    if removed:
        check.note(f"{removed:,} no longer in their topics (compaction, retention)")
    return check


def check_judgement(
    in_topics: Marks,
    in_tables: Marks,
    faulty: Mapping[Position, Faulty],
    quarantined: Mapping[Position, Quarantined],
    broken_bronze: Iterable[tuple[Position, str]] = (),
) -> Check:
    """What is in quarantine is faulty, for the reason given, with its bytes kept; what is in bronze is right.

    `broken_bronze` are bronze rows that the topic no longer has and that break a rule, with what they break.
    """
    check = Check("records: judged as by the contract")
    for position, row in quarantined.items():
        check.checked += 1
        known = faulty.get(position)
        if not is_allowed(row.found, row.said):
            mine = row.found.value if row.found else "nothing wrong"
            check.differ(f"{place(position)}: quarantined as {row.said!r}, but it has {mine}")
        elif known is not None and known.digest != row.digest:
            check.differ(f"{place(position)}: the quarantine's bytes are not the record's")
        elif known is None and in_topics.get(*position):
            check.differ(f"{place(position)}: quarantined as {row.said!r}, but the record is right")
    for topic, partition, offset, of_topic, of_table in walk(in_topics, in_tables):
        if of_table & PRESENT and not of_table & QUARANTINED:
            check.checked += 1
            if of_topic & FAULTY:
                found = faulty[topic, partition, offset].reason.value
                check.differ(f"{place((topic, partition, offset))}: in bronze, but it has {found}")
    for position, why in broken_bronze:
        check.differ(f"{place(position)}: in bronze, but {why}")
    check.note_counts(Counter(row.said for row in quarantined.values()))
    return check


def check_replayed(replays: Iterable[tuple[Position, str]], quarantined: Mapping[Position, Quarantined]) -> Check:
    """Every mended record replaces one that is in quarantine, of its topic; none is replaced twice.

    `replays` are the positions of mended records, each with the place of the record that it replaces.
    """
    check = Check("replayed records: each of one in quarantine, once")
    places = {place(position): position for position in quarantined}
    replaced: set[str] = set()
    for position, source in replays:
        check.checked += 1
        if source not in places:
            check.differ(f"{place(position)}: replaces {source}, which is not in quarantine")
        elif places[source][0] != position[0]:
            check.differ(f"{place(position)}: replaces {source} of another topic")
        elif source in replaced:
            check.differ(f"{place(position)}: replaces {source}, which was replaced before")
        replaced.add(source)
    if quarantined:
        check.note(f"{len(replaced):,} of {len(quarantined):,} quarantined records were replayed")
    return check


def check_ledger(
    lines: Iterable[LedgerLine],
    in_tables: Marks,
    quarantined: Mapping[Position, Quarantined],
    faults: Iterable[FaultKind],
) -> Check:
    """Every record a generator got acknowledged is held, and each injected fault ended as declared."""
    check = Check("generators' ledgers: all arrived, each fault as declared")
    declared = {fault.name: fault for fault in faults}
    injected: Counter[str] = Counter()
    for line in lines:
        check.checked += 1
        at = f"{place(line.position)} ({line.row_id})"
        if not in_tables.get(*line.position):
            check.differ(f"{at}: acknowledged, but neither in bronze nor in quarantine")
            continue
        if line.fault is not None:
            injected[line.fault] += 1
        wrong = _wrong_outcome(line, declared, quarantined.get(line.position))
        if wrong:
            check.differ(f"{at}: {wrong}")
    check.note_counts(injected)
    return check


def _wrong_outcome(line: LedgerLine, declared: Mapping[str, FaultKind], held: Quarantined | None) -> str:
    """What is wrong with where a ledger's record ended, "" when nothing."""
    fault = declared.get(line.fault) if line.fault else None
    if line.fault and fault is None:
        return f"fault {line.fault!r} is not declared"
    if fault is None or fault.outcome is not Outcome.QUARANTINED:
        return f"quarantined as {held.said!r}, but {line.fault or 'right'}" if held else ""
    if held is None:
        return f"{fault.name} ended in bronze"
    allowed = {reason.value for reason in fault.reasons}
    return "" if held.said in allowed else f"{fault.name} quarantined as {held.said!r}"
