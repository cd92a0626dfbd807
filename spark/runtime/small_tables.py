"""Delta tables in small steps: the few rows of a quiet lab, read and committed without a Spark job.

A Spark commit of one row costs a quarter of a second and more of work, this one a few milliseconds. The result is the
same table: rows, change data feed and transaction marks; tests hold both writers against each other.
"""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Schema, Transaction, write_deltalake
from pyspark.sql.types import StructType

from contracts.origin import Origin
from spark.runtime.arrow import plain
from spark.runtime.batches import distinct
from spark.runtime.errors import LakehouseError
from spark.runtime.merging import UpdateRule
from spark.runtime.past import log_of
from spark.runtime.row_merge import RowMerge, allow_row_merges

COMMITS_PER_CHECKPOINT = 25
TARGET_FILE_BYTES = 8_000_000
"""A merge rewrites whole files: small ones keep that cheap."""
FEW_VALUES = 1_000
"""A query names up to so many values it looks for. The parser overflows its stack at some 50,000."""
ROWS_AT_ONCE = 65_536
ORIGIN_WITHIN = 50
"""Commits that say nothing of their origin, as compactions, are fewer in a row than this."""


class SmallTables:
    """Reads and writes Delta tables of a local folder in this process. Each thread has its own view of the log."""

    def __init__(self) -> None:
        self._views = threading.local()

    def exists(self, path: str) -> bool:
        """Whether there is a table at `path`."""
        return DeltaTable.is_deltatable(path)

    def create(self, path: str, schema: StructType, properties: dict[str, str]) -> None:
        """Make an empty table; one that is there already stays as it is."""
        columns = Schema.from_json(schema.json())
        DeltaTable.create(path, columns, mode="ignore", configuration=properties, raise_if_key_not_exists=False)

    def properties(self, path: str) -> dict[str, str]:
        """What the table at `path` was made with."""
        return self._table(path).metadata().configuration

    def schema(self, path: str) -> StructType:
        """The columns of the table at `path`."""
        return StructType.fromJson(json.loads(self._table(path).schema().to_json()))

    def add_columns(self, path: str, columns: StructType) -> None:
        """Give the table more columns, null in the rows that are there."""
        self._table(path).alter.add_columns(Schema.from_json(columns.json()).fields)

    def version(self, path: str) -> int:
        """The newest version of the table at `path`."""
        return self._table(path).version()

    def last_txn(self, path: str, app_id: str) -> int:
        """The version of the last transaction of `app_id`; -1 without one."""
        found = self._table(path).transaction_version(app_id)
        return -1 if found is None else found

    def changes(self, path: str, first: int, last: int, limit: int) -> pa.Table | None:
        """The changes of the versions `first` to `last`, old images left out; None when more than `limit` rows."""
        found = _bounded(self._table(path).load_cdf(starting_version=first, ending_version=last), limit)
        if found is None:
            return None
        found = found.drop_columns(["_commit_timestamp"])
        return found.filter(pc.not_equal(found["_change_type"], "update_preimage"))

    def changed(self, path: str, first: int, last: int, column: str, limit: int) -> pa.Array | None:
        """The distinct values of `column` that the versions `first` to `last` changed; None when more than `limit`."""
        feed = self._table(path).load_cdf(starting_version=first, ending_version=last, columns=[_named(column)])
        found = pa.array([], pa.string())
        for batch in pa.RecordBatchReader.from_stream(feed):
            found = distinct([pa.chunked_array([found]), plain(pa.Table.from_batches([batch]))[column]])
            if len(found) > limit:
                return None
        return found

    def lookup(
        self, path: str, key: str, values: pa.Array, limit: int, columns: tuple[str, ...] = ()
    ) -> pa.Table | None:
        """The rows whose `key` is one of `values`, with `columns` (all without); None when more than `limit` rows."""
        wanted = ", ".join(map(_named, columns)) or "*"
        query = QueryBuilder({"datafusion.execution.batch_size": str(ROWS_AT_ONCE)})
        query.register("rows", self._table(path))
        if len(values) <= FEW_VALUES:
            some = ", ".join(map(_quoted, values.to_pylist())) or "NULL"
            return _bounded(query.execute(f"SELECT {wanted} FROM rows WHERE {_named(key)} IN ({some})"), limit)  # noqa: S608 - the values are quoted above
        every = query.execute(f"SELECT {wanted} FROM rows")  # noqa: S608 - names of our own
        return _bounded(every, limit, lambda rows: rows.filter(pc.is_in(rows[key], value_set=values)))

    def new_rows(self, path: str, first: int, last: int, columns: tuple[str, ...], limit: int) -> Iterator[pa.Table]:
        """The rows that the versions `first` to `last` wrote, new images only, in pieces of about `limit` rows."""
        wanted = [f'"{name}"' for name in (*columns, "_change_type")]
        feed = self._table(path).load_cdf(starting_version=first, ending_version=last, columns=wanted)
        reader = pa.RecordBatchReader.from_stream(feed)
        batches: list[pa.RecordBatch] = []
        for batch in reader:
            batches.append(batch)
            if sum(each.num_rows for each in batches) >= limit:
                yield _new_images(pa.Table.from_batches(batches, reader.schema))
                batches = []
        if batches:
            yield _new_images(pa.Table.from_batches(batches, reader.schema))

    def keys(self, path: str, column: str, values: pa.Array, at_least: int) -> pa.ChunkedArray:
        """Those of `values` that at least so many rows have in `column`; among many, others may be too."""
        some = ", ".join(_quoted(value) for value in values.to_pylist()) if len(values) <= FEW_VALUES else ""
        only = f'WHERE "{column}" IN ({some or "NULL"})' if len(values) <= FEW_VALUES else ""
        query = f'SELECT "{column}" FROM rows {only} GROUP BY "{column}" HAVING count(*) >= {at_least}'  # noqa: S608 - the values are quoted above
        found = pa.table(QueryBuilder().register("rows", self._table(path)).execute(query))
        return plain(found)[column]

    def last_origin(self, path: str) -> Origin | None:
        """What the newest commit that says so was made from."""
        for commit in self._table(path).history(ORIGIN_WITHIN):
            if (origin := Origin.of_text(commit.get("userMetadata"))) is not None:
                return origin
        return None

    def read_version(self, path: str) -> int:
        """The version in which this thread last read the table."""
        views: dict[str, DeltaTable] = self._views.__dict__["tables"]
        return views[path].version()

    def append(self, path: str, rows: pa.Table, txn: tuple[str, int] | None = None, note: str | None = None) -> None:
        """Append `rows`; with `txn` (application, version) only when that transaction is not there yet."""
        if txn and self.last_txn(path, txn[0]) >= txn[1]:
            return
        marks = CommitProperties(_noted(note), app_transactions=[Transaction(*txn)] if txn else None)
        table = self._table(path)
        for field in table.schema().fields:
            if field.name not in rows.column_names:
                rows = rows.append_column(field.name, pa.nulls(rows.num_rows))
        write_deltalake(table, rows, mode="append", commit_properties=marks)

    def merge(
        self, path: str, rows: pa.Table, key: str, gone: str, rule: UpdateRule, *, note: str | None = None
    ) -> int:
        """Bring `rows` (one per `key`) into the table: remove where `gone`, else update by `rule`, else insert.

        Gives the number of rows changed; without any, no version is made.
        """
        table = self._table(path)
        allow_row_merges(table)
        merge = RowMerge(table, path, key, distinct([rows[key]]))
        if merge.old.num_rows > rows.num_rows:
            raise LakehouseError(f"the table at {path} has several rows of one {key}; each key has one")
        chosen = rows.filter(_changes(rows, merge.old, key, gone, rule))
        if chosen.num_rows:
            merge.commit(chosen, gone, note)
            if self.version(path) % COMMITS_PER_CHECKPOINT == 0:
                self._table(path).create_checkpoint()
        return int(chosen.num_rows)

    def oldest_change(self, path: str) -> int:
        """The first version whose changes can still be read."""
        return log_of(path).oldest_change

    def _table(self, path: str) -> DeltaTable:
        """This thread's view of the table, brought up to date."""
        views: dict[str, DeltaTable] = self._views.__dict__.setdefault("tables", {})
        if path not in views:
            views[path] = DeltaTable(path)
        else:
            views[path].update_incremental()
        return views[path]


def _noted(note: str | None) -> dict[str, str] | None:
    return {"userMetadata": note} if note else None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _new_images(feed: pa.Table) -> pa.Table:
    feed = plain(feed)
    return feed.filter(pc.is_in(feed["_change_type"], pa.array(["insert", "update_postimage"])))


def _changes(new: pa.Table, old: pa.Table, key: str, gone: str, rule: UpdateRule) -> pa.Array:
    """For each of the `new` rows whether it changes the table, which has the `old` rows of their keys."""
    place = pc.index_in(new[key], value_set=old[key].combine_chunks()).combine_chunks()
    is_gone, is_known = new[gone].combine_chunks(), pc.is_valid(place)
    known, there = new.filter(is_known), old.take(pc.drop_null(place))
    replaces = rule.holds(known, there).combine_chunks()
    changed = pc.or_(known[gone].combine_chunks(), replaces)
    return pc.replace_with_mask(pc.invert(is_gone), is_known, changed)


def _bounded(stream: Any, limit: int, choose: Callable[[pa.Table], pa.Table] = lambda rows: rows) -> pa.Table | None:
    """The rows of an Arrow stream, of each piece those that `choose` gives; None as soon as they are over `limit`."""
    reader = pa.RecordBatchReader.from_stream(stream)
    found, rows = [plain(reader.schema.empty_table())], 0
    for batch in reader:
        found.append(choose(plain(pa.Table.from_batches([batch]))))
        rows += found[-1].num_rows
        if rows > limit:
            return None
    return pa.concat_tables(found)
