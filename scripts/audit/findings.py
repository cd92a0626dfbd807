"""What the audit found: one check per row of its table."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 5


@dataclass
class Check:
    """How many things were compared, how many differ, and the first of them by id."""

    name: str
    checked: int = 0
    differing: int = 0
    examples: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether nothing differs."""
        return self.differing == 0

    def differ(self, example: str) -> None:
        """Count a difference; the first ones are kept by their text, which starts with an id."""
        self.differing += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def note(self, text: str) -> None:
        """Add something a reader should know, which is no difference."""
        self.notes.append(text)

    def note_counts(self, counts: Counter[str]) -> None:
        """Add how often each of these occurred, the most frequent first."""
        if counts:
            self.note(", ".join(f"{name} {count:,}" for name, count in counts.most_common()))

    def as_json(self) -> dict[str, Any]:
        """The check as JSON."""
        return {
            "name": self.name,
            "checked": self.checked,
            "differing": self.differing,
            "examples": self.examples,
            "notes": self.notes,
        }


def compare_rows(check: Check, row_id: str, expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Compare the fields of `expected` with those of `found` and count one difference for the row; True when equal."""
    check.checked += 1
    wrong = [
        f"{name} {found.get(name)!r}, expected {value!r}"
        for name, value in expected.items()
        if not _equal(found.get(name), value)
    ]
    if wrong:
        check.differ(f"{row_id}: {'; '.join(wrong[:3])}")
    return not wrong


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(found - expected) < 1e-9
    return bool(found == expected) and isinstance(found, bool) == isinstance(expected, bool)


def missing(check: Check, row_id: str, place: str) -> None:
    """Count a row that ought to be in `place`."""
    check.checked += 1
    check.differ(f"{row_id}: missing in {place}")


def extra(check: Check, row_id: str, place: str) -> None:
    """Count a row that ought not to be in `place`."""
    check.checked += 1
    check.differ(f"{row_id}: in {place}, but ought not to be")
