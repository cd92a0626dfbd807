"""What bronze and the quarantine hold, by position."""

from dataclasses import dataclass, field

from contracts.marketing import QUARANTINE
from scripts.audit.check_positions import Position, Quarantined
from scripts.audit.classify import Codec, classify
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.positions import QUARANTINED, Marks
from scripts.audit.source import KIND_OF, STREAMS, CodecOf, digest

_QUARANTINE_COLUMNS = ("topic", "partition", "offset", "timestamp_ms", "key", "value", "reason", "replayed_from")


@dataclass
class Held:
    """Positions in bronze and quarantine, each quarantined row, and which rows say that they replace which."""

    marks: Marks = field(default_factory=Marks)
    quarantined: dict[Position, Quarantined] = field(default_factory=dict)
    replays: list[tuple[Position, str]] = field(default_factory=list)


def read_held(lakehouse: Lakehouse, codec_of: CodecOf) -> Held:
    """Read the positions of bronze, and the quarantine, whose raw bytes are judged again."""
    held = Held()
    for stream in STREAMS:
        name = stream.topic.name
        for partition, offset in lakehouse.rows(stream.bronze, ("_partition", "_offset")):
            held.marks.add(name, partition, offset)
        for partition, offset, source in lakehouse.rows(
            stream.bronze, ("_partition", "_offset", "_replayed_from"), where='"_replayed_from" IS NOT NULL'
        ):
            held.replays.append(((name, partition, offset), source))
    subjects = {stream.topic.name: stream.topic.subject for stream in STREAMS}
    rows = lakehouse.rows(QUARANTINE, _QUARANTINE_COLUMNS)
    for topic, partition, offset, timestamp_ms, key, value, reason, source in rows:
        held.marks.add(topic, partition, offset, QUARANTINED)
        if source is not None:
            held.replays.append(((topic, partition, offset), source))
        found = None
        if topic in KIND_OF:

            def codec(schema_id: int, subject: str = subjects[topic]) -> Codec | None:
                return codec_of(subject, schema_id)

            found = classify(KIND_OF[topic], key, value, timestamp_ms, codec).reason
        held.quarantined[topic, partition, offset] = Quarantined(reason, found, digest(key, value))
    return held
