"""Where a version of a table came from: written into the commit by the lakehouse, read by whoever asks."""

import json
from dataclasses import dataclass, field

Offsets = dict[str, dict[str, tuple[int, int]]]
"""Per topic and partition: the first offset, and the one after the last."""


@dataclass
class Origin:
    """What a turn of `step` read before it committed.

    `changes`: per table, the first and last version whose changes were taken in. `rows`: per table, the version in
    which rows were looked up. `offsets`: what was taken in of the topics.
    """

    step: str
    changes: dict[str, tuple[int, int]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)

    @property
    def sources(self) -> set[str]:
        """The names of the tables and topics that were read."""
        return {*self.changes, *self.rows, *self.offsets}

    def to_text(self) -> str:
        """The form in which a commit carries it, as its `userMetadata`."""
        return json.dumps({name: value for name, value in vars(self).items() if value})

    @classmethod
    def of_text(cls, text: str | None) -> "Origin | None":
        """What a commit carries; None when it says nothing of its origin, as a compaction does."""
        try:
            found = json.loads(text or "")
            return cls(
                step=found["step"],
                changes={table: (first, last) for table, (first, last) in found.get("changes", {}).items()},
                rows=found.get("rows", {}),
                offsets={
                    topic: {number: (first, end) for number, (first, end) in parts.items()}
                    for topic, parts in found.get("offsets", {}).items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
