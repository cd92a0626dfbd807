"""How far a step has read its tables: kept beside the checkpoints, written after the step's own commit.

A crash in between repeats the last versions; every step gives the same rows the second time.
"""

import json
import os
from pathlib import Path


class Progress:
    """The next version to read, per table, of one step."""

    def __init__(self, folder: Path, step: str) -> None:
        self._file = folder / f"{step}.json"
        self._next: dict[str, int] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}

    def next_version(self, table: str) -> int:
        """The first version of `table` not yet taken in. Version 0 made the table and holds no rows."""
        return self._next.get(table, 1)

    def advance(self, versions: dict[str, int]) -> None:
        """Note that each table was taken in up to and with its version."""
        self._next |= {table: version + 1 for table, version in versions.items()}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        with part.open("w", encoding="utf-8") as out:
            json.dump(self._next, out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._file)
