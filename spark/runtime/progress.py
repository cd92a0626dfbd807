"""How far a step has read its tables: kept beside the checkpoints, written after the step's own commit.

A crash in between repeats the last versions; every step gives the same rows the second time.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from contracts.model import Table
from spark.runtime.steps import Ingest, Step, tables_read

FOLDER = "progress"


class Progress:
    """The next version to read, per table, of one step, and when it last computed all keys (ms since the epoch).

    `columns` are those the step wrote the last time; "" when it is not known.
    """

    def __init__(self, folder: Path, step: str) -> None:
        self._file = folder / f"{step}.json"
        held = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        self._next: dict[str, int] = held.get("next_versions", {})
        self.all_keys_at_ms: int = held.get("all_keys_at_ms", time.time_ns() // 1_000_000)
        self.columns: str = held.get("columns", "")

    def next_version(self, table: str) -> int:
        """The first version of `table` not yet taken in. Version 0 made the table and holds no rows."""
        return self._next.get(table, 1)

    def advance(self, versions: dict[str, int], all_keys_at_ms: int | None = None, columns: str = "") -> None:
        """Note that each table was taken in up to and with its version, and whether all keys were computed just now."""
        self.columns = columns
        self._next |= {table: version + 1 for table, version in versions.items()}
        self.all_keys_at_ms = all_keys_at_ms or self.all_keys_at_ms
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        with part.open("w", encoding="utf-8") as out:
            noted = {"next_versions": self._next, "all_keys_at_ms": self.all_keys_at_ms, "columns": columns}
            json.dump(noted, out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._file)


def needs_of(checkpoints: Path, steps: tuple[Step, ...]) -> Callable[[Table], tuple[int, str] | None]:
    """Who reads a table and has come least far: the first version it has not taken in, and the step's name.

    A step that never took a turn needs no version: it begins with the whole table.
    """
    folder = checkpoints / FOLDER
    readers = {step.name: tables_read(step) for step in steps if not isinstance(step, Ingest)}

    def needs(table: Table) -> tuple[int, str] | None:
        found = []
        for file in folder.glob("*.json"):
            held = json.loads(file.read_text("utf-8")).get("next_versions", {})
            if table.full_name in held or table in readers.get(file.stem, ()):
                found.append((held.get(table.full_name, 1), file.stem))
        return min(found, default=None)

    return needs
