"""What was created, on disk: a log of statements, each line durable before the statement is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ksql_engine.errors import StateMismatchError, StorageError


@dataclass(frozen=True)
class Command:
    """A statement that changed what exists. `sequence` numbers commands, `query_id` is the query it made or kept."""

    sequence: int
    statement: str
    query_id: str | None = None
    properties: dict[str, str] = field(default_factory=dict)


class Catalog:
    """The command log in a state folder. Not safe for threads: its owner holds a lock."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made if it is absent. Raises StorageError."""
        self._folder = folder
        self._path = folder / "commands.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot use the state folder {folder}: {error}") from error
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        """Remove an unfinished last line, left by a crash while it was written: it was never answered."""
        if not self._path.exists():
            return
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            with self._path.open("r+b") as log:
                log.truncate(whole)

    def commands(self) -> Iterator[Command]:
        """Yield all commands in order. Raises StorageError when the log is damaged."""
        if not self._path.exists():
            return
        for number, line in enumerate(self._path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                yield Command(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise StorageError(f"{self._path}, line {number} is damaged: {error}") from error

    def append(self, command: Command) -> None:
        """Write a command; it is on disk when this returns. Raises StorageError."""
        try:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(command)) + "\n")
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise StorageError(f"Cannot write {self._path}: {error}") from error

    def clear(self) -> None:
        """Forget all commands. Raises StorageError."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot remove {self._path}: {error}") from error

    def check_cluster(self, cluster_id: str) -> None:
        """Bind the folder to a Kafka cluster at the first use. Raises StateMismatchError for another one."""
        path = self._folder / "cluster_id"
        if not path.exists():
            path.write_text(cluster_id + "\n", encoding="utf-8")
            return
        known = path.read_text(encoding="utf-8").strip()
        if known != cluster_id:
            raise StateMismatchError(
                f"The state in {self._folder} belongs to the Kafka cluster {known}, but the broker is cluster "
                f"{cluster_id}. Positions and sums would be wrong: run `make clear` (it removes topics and state "
                f"together), or point the engine at the other broker."
            )
