"""One writer per table, across processes: a lock file per table, and no JVM of a dead owner left behind."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO

import psutil

from contracts.model import Table
from spark.runtime.errors import TableBusy

DEATH_WITHIN_S = 10.0


class TableLocks:
    """Locks on the tables that this process writes, held until it ends.

    The lock itself ends with the Python process. Its JVM can outlive it and is the one that writes; so the lock file
    names the JVM, and the next owner makes sure that it is gone.
    """

    def __init__(self, run_dir: Path, owner: str) -> None:
        self._folder = run_dir / "locks"
        self._owner = owner
        self._held: dict[str, IO[str]] = {}

    def acquire(self, tables: tuple[Table, ...]) -> None:
        """Lock `tables`.

        Raises:
            TableBusy: another process writes one of them.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            self._acquire(table)

    def release(self) -> None:
        """Let others write the tables."""
        for file in self._held.values():
            file.close()
        self._held.clear()

    def name_jvm(self, pid: int) -> None:
        """Write the JVM that writes for this process into every lock."""
        for file in self._held.values():
            _write(file, {"owner": self._owner, "pid": os.getpid(), **_identity(pid)})

    def _acquire(self, table: Table) -> None:
        path = self._folder / f"{table.full_name}.lock"
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read(file)
            file.close()
            raise TableBusy(
                f"table {table.full_name} is being written by {holder.get('owner', 'another process')} "
                f"(process {holder.get('pid', 'unknown')}); a table has one writer. Remedy: stop that one first"
            ) from None
        _end_orphan(_read(file))
        _write(file, {"owner": self._owner, "pid": os.getpid()})
        self._held[table.path] = file


def _identity(pid: int) -> dict[str, float]:
    return {"jvm_pid": pid, "jvm_started": psutil.Process(pid).create_time()}


def _end_orphan(holder: dict[str, object]) -> None:
    """Kill the JVM that `holder` left behind, if it is still that very process."""
    pid = holder.get("jvm_pid")
    if not isinstance(pid, int):
        return
    try:
        jvm = psutil.Process(pid)
        if jvm.create_time() == holder.get("jvm_started"):
            jvm.kill()
            jvm.wait(DEATH_WITHIN_S)
    except psutil.NoSuchProcess:
        return


def _read(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        found = json.loads(file.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: IO[str], content: dict[str, object] | dict[str, float | str]) -> None:
    file.seek(0)
    file.truncate()
    json.dump(content, file)
    file.flush()
