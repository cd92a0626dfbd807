"""How much of a table's past lies in its folder: log, old files, change files. Found and forgotten without Spark.

Delta's own vacuum and log clean-up go by age alone. Here a version is kept for its number, its age, or for a reader
that has not come so far: what is needed to read any version that is kept, or its changes, stays.
"""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable

LEFT_TO_UPKEEP = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 300 seconds",
}
"""Upkeep knows what readers still need; a file that is gone leaves the checkpoints soon, or they would only grow."""
LOG, CHANGES = "_delta_log", "_change_data"
VERSIONED = re.compile(r"^\.?(\d{20})\.(.+)$")
"""With a point before it, it is the checksum that Spark keeps beside a file."""


@dataclass(frozen=True)
class Log:
    """The versions whose commit, and those whose checkpoint, is in a table's log."""

    commits: list[int]
    checkpoints: list[int]

    @property
    def newest(self) -> int:
        """The newest version; -1 without any."""
        return self.commits[-1] if self.commits else -1

    @property
    def oldest_change(self) -> int:
        """The first version whose changes can still be read."""
        if self.commits and self.commits[0] == 0:
            return 0
        return min(self.checkpoints, default=-1) + 1


def log_of(path: str) -> Log:
    """What is in the log of the table at `path`."""
    found: dict[str, set[int]] = {"json": set(), "checkpoint.parquet": set()}
    for file in (Path(path) / LOG).iterdir():
        if (match := VERSIONED.match(file.name)) and match[2] in found:
            found[match[2]].add(int(match[1]))
    return Log(sorted(found["json"]), sorted(found["checkpoint.parquet"]))


def first_within(path: str, log: Log, seconds: float) -> int:
    """The first version that was committed at most `seconds` ago; the newest one when all are older."""
    since = time.time() - seconds
    for version in reversed(log.commits):
        if (Path(path) / LOG / f"{version:020}.json").stat().st_mtime < since:
            return min(version + 1, log.newest)
    return log.commits[0]


@dataclass(frozen=True)
class Forgotten:
    """What was removed: log files, data and change files, and the bytes of both."""

    log_files: int
    files: int
    bytes: int


def forget(path: str, before: int, seconds: float) -> Forgotten:
    """Remove what only versions before `before` need, of files at least `seconds` old. Nobody may be writing.

    Reading begins at a checkpoint, so the versions back to the last checkpoint before `before` stay as well.
    """
    log = log_of(path)
    start = max((version for version in log.checkpoints if version < before), default=None)
    if start is None:
        return Forgotten(0, 0, 0)
    needed = _needed(path, log, start)
    since = time.time() - seconds
    root = Path(path)
    old = [file for file in _stored(root) if file.stat().st_mtime <= since]
    unneeded = [file for file in old if file.relative_to(root).as_posix() not in needed]
    entries = sorted(file for file in (root / LOG).iterdir() if _version(file.name) < start)
    removed = sum(_remove(file) for file in (*entries, *unneeded))
    return Forgotten(len(entries), len(unneeded), removed)


def _needed(path: str, log: Log, start: int) -> set[str]:
    """Every file of version `start`, and those that the commits after it added."""
    table = DeltaTable(path, version=start)
    needed = {unquote(each) for each in table.get_add_actions()["path"].to_pylist()}
    for version in log.commits:
        if version >= start:
            with (Path(path) / LOG / f"{version:020}.json").open(encoding="utf-8") as lines:
                actions = (json.loads(line) for line in lines)
                written = (action.get("add") or action.get("cdc") for action in actions)
                needed.update(unquote(each["path"]) for each in written if each)
    return needed


def _stored(root: Path) -> list[Path]:
    """The data and change files in a table's folder."""
    return [*root.glob("*.parquet"), *(root / CHANGES).glob("*.parquet")]


def _version(name: str) -> int:
    """The version of a file of the log; those without one belong to all."""
    match = VERSIONED.match(name)
    return int(match[1]) if match else 2**63


def _remove(file: Path) -> int:
    """Remove a file and the checksum that Spark keeps beside it; the bytes of the file."""
    size = file.stat().st_size
    file.unlink()
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    return size
