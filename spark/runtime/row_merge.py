"""A merge whose cost follows the change and not the table: old rows are marked as gone, new ones go to a new file.

The commit is what Spark writes with deletion vectors on: the files keep their place with a longer vector, the change
feed gets its own file. delta-rs reads and compacts such tables but does not write them.
"""

import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from spark.runtime.arrow import plain
from spark.runtime.vectors import descriptor

MOST_GONE = 0.2
"""A file of which a larger share is gone is written anew: reading it costs the same as if all were there."""
FEATURE, VECTORS = "deletionVectors", {"delta.enableDeletionVectors": "true"}
READ_AT_ONCE = 2
GROUP_ROWS = 65_536
FEW_VALUES = 100
"""For so few keys the other columns of a file are read only where one of them is in it."""


@dataclass(frozen=True)
class DataFile:
    """A file of the table: its path as the log has it, size in bytes, time in ms, rows, and which of them are gone."""

    path: str
    size: int
    modified_ms: int
    rows: int
    gone: pa.BooleanArray | None

    def entry(self) -> dict[str, Any]:
        """What a remove and an add of the file have in common."""
        known = {"path": self.path, "partitionValues": {}, "size": self.size, "dataChange": True}
        return known | ({} if self.gone is None else {"deletionVector": descriptor(self.gone)})


@dataclass(frozen=True)
class Found:
    """The rows of one file that were looked for, and a mark for each row of the file whether it is one of them."""

    file: DataFile
    rows: pa.Table
    hit: pa.BooleanArray


class RowMerge:
    """One merge into a version of a table: look at the `old` rows, then `commit`."""

    def __init__(self, table: DeltaTable, path: str, key: str, values: pa.Array) -> None:
        self._root = Path(path)
        self._version = table.version()
        self._schema = pa.schema(table.schema().to_arrow())
        self._key = key
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            found = pool.map(lambda file: self._find(file, values), data_files(table, self._root))
            self._found = [each for each in found if each is not None]
        empty = plain(self._schema.empty_table())
        self.old = pa.concat_tables([empty, *(each.rows for each in self._found)])
        """The rows whose key is one of the values."""

    def _find(self, file: DataFile, values: pa.Array) -> Found | None:
        whole = self._read(file) if len(values) > FEW_VALUES else None
        keys = self._read(file, [self._key]) if whole is None else whole
        hit = pc.is_in(keys[self._key], value_set=values).combine_chunks()
        if file.gone is not None:
            hit = pc.and_not(hit, file.gone)
        if not hit.true_count:
            return None
        return Found(file, (self._read(file) if whole is None else whole).filter(hit), hit)

    def _read(self, file: DataFile, columns: list[str] | None = None) -> pa.Table:
        """The rows of a file; columns that the table got later are null. Spark's own columns stay out."""
        path = self._root / unquote(file.path)
        rows = plain(pq.read_table(path, columns=columns, use_threads=False, partitioning=None))
        if columns:
            return rows
        names = [name for name in self._schema.names if name in rows.column_names]
        return pa.concat_tables([plain(self._schema.empty_table()), rows.select(names)], promote_options="default")

    def commit(self, new: pa.Table, gone: str, note: str | None) -> None:
        """Put the `new` rows in the place of the old ones of their keys; where `gone` is true, only remove."""
        names = self._schema.names
        missing = [name for name in names if name not in new.column_names]
        for name in missing:
            new = new.append_column(name, pa.nulls(new.num_rows))
        is_known = pc.is_in(new[self._key], value_set=self.old[self._key].combine_chunks())
        kept = pc.invert(new[gone])
        rows = plain(new.filter(kept).select(names)).cast(plain(self._schema.empty_table()).schema)
        feed = [
            (self.old.filter(self._among(new.filter(new[gone]))), "delete"),
            (self.old.filter(self._among(new.filter(kept))), "update_preimage"),
            (rows.filter(is_known.filter(kept)), "update_postimage"),
            (rows.filter(pc.invert(is_known.filter(kept))), "insert"),
        ]
        actions = [self._note(note)]
        for found in self._found:
            actions += self._taken_out(found, self._among(new, found.rows))
        actions += [self._added(rows)] if rows.num_rows else []
        actions.append(self._changes([(part, kind) for part, kind in feed if part.num_rows]))
        self._write(actions)

    def _among(self, new: pa.Table, old: pa.Table | None = None) -> pa.Array:
        """For each old row whether its key is among those of `new`."""
        rows = self.old if old is None else old
        return pc.is_in(rows[self._key], value_set=new[self._key].combine_chunks()).combine_chunks()

    def _taken_out(self, found: Found, chosen: pa.BooleanArray) -> list[dict[str, Any]]:
        """The actions that take the `chosen` ones of the rows found out of their file."""
        file = found.file
        if not chosen.true_count:
            return []
        dead = pc.replace_with_mask(found.hit, found.hit, chosen)
        dead = dead if file.gone is None else pc.or_(dead, file.gone)
        now_ms = _now_ms()
        removed = {"remove": {**file.entry(), "deletionTimestamp": now_ms, "extendedFileMetadata": True}}
        if dead.true_count > MOST_GONE * file.rows:
            left = self._read(file).filter(pc.invert(dead))
            return [removed, *([self._added(left)] if left.num_rows else [])]
        shorter = DataFile(file.path, file.size, file.modified_ms, file.rows, dead)
        stats = {"numRecords": file.rows, "tightBounds": False}
        added = {**shorter.entry(), "modificationTime": file.modified_ms, "stats": json.dumps(stats)}
        return [removed, {"add": added}]

    def _added(self, rows: pa.Table) -> dict[str, Any]:
        """A new file with `rows`."""
        name = f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
        pq.write_table(rows, self._root / name, row_group_size=GROUP_ROWS)
        size = (self._root / name).stat().st_size
        stats = json.dumps({"numRecords": rows.num_rows})
        entry = {"path": name, "partitionValues": {}, "size": size, "dataChange": True}
        return {"add": {**entry, "modificationTime": _now_ms(), "stats": stats}}

    def _changes(self, feed: list[tuple[pa.Table, str]]) -> dict[str, Any]:
        """The file of the change feed."""
        name = f"_change_data/cdc-00000-{uuid.uuid4()}.c000.snappy.parquet"
        file = self._root / name
        file.parent.mkdir(exist_ok=True)
        kinds = [part.append_column("_change_type", pa.repeat(kind, part.num_rows)) for part, kind in feed]
        pq.write_table(pa.concat_tables(kinds), file)
        return {"cdc": {"path": name, "partitionValues": {}, "size": file.stat().st_size, "dataChange": False}}

    def _note(self, note: str | None) -> dict[str, Any]:
        info = {"timestamp": _now_ms(), "operation": "MERGE", "operationParameters": {}, "readVersion": self._version}
        return {"commitInfo": info | ({"userMetadata": note} if note else {})}

    def _write(self, actions: list[dict[str, Any]]) -> None:
        """Make the next version.

        Raises:
            FileExistsError: somebody else made it.
        """
        log = self._root / "_delta_log"
        part = log / f".{uuid.uuid4()}.part"
        with part.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(action) + "\n" for action in actions)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(part, log / f"{self._version + 1:020}.json")
        finally:
            part.unlink()


def allow_row_merges(table: DeltaTable) -> None:
    """Make sure that rows of the table may be deleted without rewriting their file."""
    if FEATURE not in (table.protocol().writer_features or []):
        table.alter.set_table_properties(VECTORS)


def data_files(table: DeltaTable, root: Path) -> list[DataFile]:
    """The files of the table's version; `root` is its folder."""
    adds = pa.table(table.get_add_actions()).to_pydict()
    gone, found = _gone(table), []
    columns = (adds[name] for name in ("path", "size_bytes", "modification_time", "num_records"))
    for path, size, modified_ms, counted in zip(*columns, strict=True):
        rows = pq.read_metadata(root / unquote(path)).num_rows if counted is None else counted
        found.append(DataFile(path, size, modified_ms, rows, _padded(gone.get(unquote(path)), rows)))
    return found


def _padded(gone: pa.BooleanArray | None, rows: int) -> pa.BooleanArray | None:
    """A vector as long as its file: it may end after the last row that is gone."""
    return None if gone is None else pa.concat_arrays([gone, pa.repeat(pa.scalar(False), rows - len(gone))])


def _gone(table: DeltaTable) -> dict[str, pa.BooleanArray]:
    """Which rows of which file are gone, by the file's name."""
    found = pa.RecordBatchReader.from_stream(table.deletion_vectors()).read_all()
    names = [Path(unquote(urlparse(each).path)).name for each in found["filepath"].to_pylist()]
    return {name: pc.invert(each.values) for name, each in zip(names, found["selection_vector"], strict=True)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
