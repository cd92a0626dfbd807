"""The generator's ledger: every acknowledgement of the broker, one line each.

A run writes `<run id>.csv` below `.lab/data/ledger/`: a header line with the names of `Entry`'s fields, then one line
per acknowledged record, in the order of the acknowledgements. Fields are separated by commas; none holds a comma, a
quote or a line break. `entity_id` is the customer's, order's or activation's id, "" where the record carries none (a
null order); for bytes that cannot be decoded the ids are those of the good record they were made from. `event_id` is
"" for a null value. `fault` is a name of contracts/faults.py, "" for a good record.

Lines are written after each round of acknowledgements, in one system call: a generator that is killed leaves out only
records whose acknowledgement it had not yet taken. A killed run can leave half a line at the end; it is not read.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from contracts.settings import Settings


class Entry(NamedTuple):
    """One acknowledged record. Grain: (topic, partition, offset)."""

    topic: str
    partition: int
    offset: int
    kind: str
    entity_id: str
    event_id: str
    customer_id: str
    fault: str


HEADER = ",".join(Entry._fields)


def ledger_dir(settings: Settings) -> Path:
    """The folder of all runs' ledgers. It belongs to the topics' data and goes with it."""
    return settings.data_dir / "ledger"


def read_ledgers(folder: Path) -> Iterator[Entry]:
    """Every acknowledgement of every run in `folder`, run by run; nothing when there is no such folder."""
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            next(lines, None)
            for line in lines:
                if line.endswith("\n"):
                    topic, partition, offset, *rest = line[:-1].split(",")
                    yield Entry(topic, int(partition), int(offset), *rest)


class Ledger:
    """Writes one run's ledger. `add` collects lines, `flush` hands them to the system."""

    def __init__(self, folder: Path, run_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{run_id}.csv"
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._lines = [HEADER + "\n"]
        self.flush()

    def add(self, line: str) -> None:
        """Collect one line: the fields of `Entry`, separated by commas, with a line break."""
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was collected."""
        if not self._lines:
            return
        data = memoryview("".join(self._lines).encode())
        self._lines.clear()
        while data:
            data = data[os.write(self._file, data) :]

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        os.close(self._file)
