"""How big are the tables, and how much of their past is kept?"""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from scripts.lakehouse.store import Store


@dataclass(frozen=True)
class Size:
    """A table: rows, files and bytes of its newest version; what lies on disk with its past and its log."""

    table: str
    rows: int
    files: int
    bytes: int
    oldest_version: int
    version: int
    log_files: int | None
    disk_bytes: int | None
    committed_at_ms: int


def sizes(store: Store) -> list[Size]:
    """The size of every table that is there."""
    found = []
    for table in store.made():
        opened = store.open(table)
        adds = pa.table(opened.get_add_actions()).select(["size_bytes", "num_records"]).to_pydict()
        folder = Path(store.path(table))
        on_disk = [each for each in folder.rglob("*") if each.is_file()] if folder.is_dir() else None
        found.append(
            Size(
                table=table.full_name,
                rows=sum(number or 0 for number in adds["num_records"]) - _removed(opened),
                files=len(adds["size_bytes"]),
                bytes=sum(adds["size_bytes"]),
                oldest_version=store.oldest(table),
                version=opened.version(),
                log_files=None if on_disk is None else sum("_delta_log" in each.parts for each in on_disk),
                disk_bytes=None if on_disk is None else sum(_size(each) for each in on_disk),
                committed_at_ms=opened.history(1)[0]["timestamp"],
            )
        )
    return found


def _removed(table: DeltaTable) -> int:
    """The rows that still lie in the files but are marked as removed."""
    found = pa.table(table.deletion_vectors().read_all())["selection_vector"]
    return sum(len(each.values) - each.values.true_count for each in found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # upkeep goes on while we look
        return 0
