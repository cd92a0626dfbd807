"""Remembers what was applied and how the server spells it.

ksqlDB keeps a statement in its own spelling (with defaults written out), so a file cannot be compared with it word
by word. What was sent and what the server showed right afterwards are kept here; while neither changes, the
statement is unchanged.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from contracts.model import Lab
from contracts.settings import Settings


@dataclass(frozen=True)
class Applied:
    """One statement: as the file had it, and as the server showed it then."""

    sent: str
    shown: str


class AppliedStatements:
    """The file that keeps `Applied` by name; it lies with the lab's data, and is removed with it."""

    def __init__(self, settings: Settings, lab: Lab) -> None:
        self._path = settings.data_dir / "applied_sql" / f"{lab.name}.json"
        self._entries = _read(self._path)

    def get(self, name: str) -> Applied | None:
        """What was applied as `name`, if known."""
        return self._entries.get(name)

    def put(self, name: str, applied: Applied) -> None:
        """Remember a statement, on disk at once."""
        self._entries[name] = applied
        self._write()

    def forget(self, name: str) -> None:
        """Forget a statement that was dropped."""
        if self._entries.pop(name, None) is not None:
            self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        rows = {name: [entry.sent, entry.shown] for name, entry in self._entries.items()}
        part.write_text(json.dumps(rows, indent=1), "utf-8")
        part.replace(self._path)


def _read(path: Path) -> dict[str, Applied]:
    """What the file holds; a lost or damaged one only means that texts are compared word by word."""
    try:
        return {name: Applied(*row) for name, row in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
