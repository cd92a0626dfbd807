"""How far a step has read its tables: kept beside the checkpoints, written after the step's own commit.

A crash in between repeats the last versions; every step gives the same rows the second time.
"""

import json
import os
import time
from pathlib import Path


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
