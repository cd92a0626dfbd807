"""What bronze and the quarantine hold, by position."""

from dataclasses import dataclass, field

from contracts.marketing import QUARANTINE
from scripts.audit.check_positions import Position, Quarantined
from scripts.audit.classify import Codec, classify
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.positions import QUARANTINED, Marks
from scripts.audit.source import KIND_OF, STREAMS, CodecOf, digest

_QUARANTINE_COLUMNS = ("topic", "partition", "offset", "timestamp_ms", "key", "value", "reason")


@dataclass
class Held:
    """Positions in bronze and quarantine, and each quarantined row."""

    marks: Marks = field(default_factory=Marks)
    quarantined: dict[Position, Quarantined] = field(default_factory=dict)


def read_held(lakehouse: Lakehouse, codec_of: CodecOf) -> Held:
    """Read the positions of bronze, and the quarantine, whose raw bytes are judged again."""
    held = Held()
    for stream in STREAMS:
        name = stream.topic.name
        for partition, offset in lakehouse.rows(stream.bronze, ("_partition", "_offset")):
            held.marks.add(name, partition, offset)
    subjects = {stream.topic.name: stream.topic.subject for stream in STREAMS}
    for topic, partition, offset, timestamp_ms, key, value, reason in lakehouse.rows(QUARANTINE, _QUARANTINE_COLUMNS):
        held.marks.add(topic, partition, offset, QUARANTINED)
        found = None
        if topic in KIND_OF:

            def codec(schema_id: int, subject: str = subjects[topic]) -> Codec | None:
                return codec_of(subject, schema_id)

            found = classify(KIND_OF[topic], key, value, timestamp_ms, codec).reason
        held.quarantined[topic, partition, offset] = Quarantined(reason, found, digest(key, value))
    return held
