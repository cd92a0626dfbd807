"""Delta tables: made, read by version, appended to, merged into. All writes of the lakehouse are here."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import StructType

from contracts.model import Table
from contracts.origin import Origin
from spark.runtime.arrow import plain
from spark.runtime.batches import FEW_ROWS, Held, distinct, held
from spark.runtime.errors import StateRefused
from spark.runtime.merging import UpdateRule
from spark.runtime.past import LEFT_TO_UPKEEP
from spark.runtime.row_merge import VECTORS
from spark.runtime.small_tables import COMMITS_PER_CHECKPOINT, ORIGIN_WITHIN, SmallTables

ID_PROPERTY = "lab.checkpoint"
COMMITS_PER_COMPACTION = 40
PIECE_ROWS = 200_000
"""So many rows of a few columns take some 25 MB; for each such piece other rows are looked up once."""
LOOKUP_ROWS = 100_000
"""More rows than this are not brought through this process: Spark joins them."""


def columns_of(ddl: str) -> StructType:
    """The columns that a text like "id STRING, total BIGINT" declares."""
    return cast(StructType, StructType.fromDDL(ddl))


class Tables:
    """The Delta tables below one root. Writers of one table inside the process take turns.

    Up to `few_rows` rows go the short way where the root is a folder; anything bigger is Spark's.
    """

    def __init__(self, spark: SparkSession, root: str, few_rows: int = FEW_ROWS) -> None:
        self.spark = spark
        self._root = root.rstrip("/")
        self._few_rows = few_rows
        self._small = SmallTables() if few_rows and "://" not in root else None
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._commits: Counter[str] = Counter()

    @property
    def in_folder(self) -> bool:
        """Whether the tables are files of this machine."""
        return "://" not in self._root

    def turn(self, table: Table) -> threading.Lock:
        """The right to write `table`."""
        return self._turns[table.path]

    def commits(self, table: Table) -> int:
        """How often this process wrote `table`."""
        return self._commits[table.path]

    def path(self, table: Table) -> str:
        """Where `table` is stored."""
        return f"{self._root}/{table.path}"

    def exists(self, table: Table) -> bool:
        """Whether `table` has been made."""
        if self._small:
            return self._small.exists(self.path(table))
        return DeltaTable.isDeltaTable(self.spark, self.path(table))

    def create(self, table: Table, schema: StructType, checkpoint_id: str) -> None:
        """Make `table`, empty, with its change data feed, belonging to the checkpoints `checkpoint_id`."""
        properties = {
            "delta.enableChangeDataFeed": "true",
            "delta.checkpointInterval": str(COMMITS_PER_CHECKPOINT),
            ID_PROPERTY: checkpoint_id,
        }
        if self._small:
            self._small.create(self.path(table), schema, properties | LEFT_TO_UPKEEP | VECTORS)
            return
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table)).addColumns(schema)
        for name, value in properties.items():
            builder = builder.property(name, value)
        builder.execute()

    def add_columns(self, table: Table, columns: StructType) -> list[str]:
        """Give `table` those of `columns` that it lacks, null in the rows that are there; their names.

        Raises:
            StateRefused: it has one of them with another type.
        """
        with self._turns[table.path]:
            there = {each.name.lower(): each.dataType.simpleString() for each in self._schema(table)}
            for each in columns:
                known = there.get(each.name.lower(), wanted := each.dataType.simpleString())
                if known != wanted:
                    raise StateRefused(
                        f"table {table.full_name} has column {each.name} as {known}, and {wanted} is asked for; "
                        "a column keeps its type. Remedy: another name, or make clear"
                    )
            new = StructType([each for each in columns if each.name.lower() not in there])
            if not new.fields:
                return []
            if self._small:
                self._small.add_columns(self.path(table), new)
            else:
                self.spark.createDataFrame([], new).write.format("delta").mode("append").option(
                    "mergeSchema", "true"
                ).save(self.path(table))
            return new.names

    def _schema(self, table: Table) -> StructType:
        return self._small.schema(self.path(table)) if self._small else self.read(table).schema

    def check_owner(self, table: Table, checkpoint_id: str) -> None:
        """Check that `table` was made together with the checkpoints `checkpoint_id`.

        Raises:
            StateRefused: it was not.
        """
        owner = self._owner(table)
        if owner != checkpoint_id:
            raise StateRefused(
                f"table {table.full_name} belongs to checkpoints {owner}, but the checkpoints here are "
                f"{checkpoint_id}; tables and checkpoints only go together. Remedy: make clear"
            )

    def _owner(self, table: Table) -> str:
        if self._small:
            return self._small.properties(self.path(table)).get(ID_PROPERTY, "none")
        found = self._log(table).unsafeVolatileSnapshot().metadata().configuration().get(ID_PROPERTY)
        return str(found.get()) if found.isDefined() else "none"

    def version(self, table: Table) -> int:
        """The newest version of `table`, of whichever process."""
        if self._small:
            return self._small.version(self.path(table))
        none = self._jvm.scala.Option.empty()
        return int(self._log(table).update(False, none, none).version())

    def read(self, table: Table, origin: Origin | None = None) -> DataFrame:
        """All rows of `table`: of the version noted, or of a later one when the plan runs later."""
        if origin:
            origin.rows[table.full_name] = self.version(table)
        return self.spark.read.format("delta").load(self.path(table))

    def empty_row(self, table: Table) -> DataFrame:
        """One row in which every column of `table` is null: to try a plan out on."""
        columns = (sf.lit(None).cast(each.dataType).alias(each.name) for each in self._schema(table))
        return self.spark.range(1).select(*columns)

    def changes(self, table: Table, first: int, last: int, origin: Origin | None = None) -> tuple[DataFrame, int]:
        """The changes of the versions from `first`, as the change data feed gives them, new images only.

        Gives the changes and the version they end with: `last`, or an earlier one that makes a small batch. Like
        every reading method, it notes in `origin` what was read.
        """
        feed, end = self._changes(table, first, last)
        if origin:
            origin.changes[table.full_name] = first, end
        return feed, end

    def _changes(self, table: Table, first: int, last: int) -> tuple[DataFrame, int]:
        end = last
        while self._small:
            if first < self._small.oldest_change(self.path(table)):
                return self._whole(table, last), last
            few = self._small.changes(self.path(table), first, end, self._few_rows)
            if few is not None:
                return self.spark.createDataFrame(few), end
            if end == first:
                break
            end = first + (end - first) // 2
        reader = self.spark.read.format("delta").option("readChangeFeed", "true")
        feed = reader.option("startingVersion", first).option("endingVersion", end).load(self.path(table))
        return feed.where(sf.col("_change_type") != "update_preimage").drop("_commit_timestamp"), end

    def _whole(self, table: Table, version: int) -> DataFrame:
        """All rows of `table` as if `version` had inserted them: for a reader that is new, and the past is gone."""
        rows = self.read(table)
        return rows.withColumns({"_change_type": sf.lit("insert"), "_commit_version": sf.lit(version).cast("bigint")})

    def changed(self, table: Table, key: str, first: int, last: int, origin: Origin | None = None) -> tuple[Held, int]:
        """The values of `key` that the versions from `first` changed, and the version they end with, as `changes`."""
        end = last
        while self._small and first >= self._small.oldest_change(self.path(table)):
            few = self._small.changed(self.path(table), first, end, key, self._few_rows)
            if few is not None:
                if origin:
                    origin.changes[table.full_name] = first, end
                return Held(self.spark, pa.table({key: few})), end
            if end == first:
                break
            end = first + (end - first) // 2
        feed, end = self.changes(table, first, end, origin)
        return Held(self.spark, None, feed.select(key)), end

    def lookup(self, table: Table, key: str, batch: Held, origin: Origin | None = None) -> DataFrame:
        """The rows of `table` whose `key` is in `batch`."""
        few = batch.values(key)
        if self._small and few is not None:
            found = self._small.lookup(self.path(table), key, few, LOOKUP_ROWS)
            if found is not None:
                if origin:
                    origin.rows[table.full_name] = self._small.read_version(self.path(table))
                return self.spark.createDataFrame(found)
        return self.read(table, origin).join(batch.rows.select(key).distinct(), key, "left_semi")

    @contextmanager
    def without_known(self, table: Table, key: str, batch: Held, origin: Origin | None = None) -> Iterator[Held]:
        """The rows of `batch` whose `key` is not in `table`, where each key is once."""
        if self._small and batch.few is not None:
            keys = batch.few[key]
            known = self._small.lookup(self.path(table), key, distinct([keys]), batch.few.num_rows, (key,))
            if known is not None:
                if origin:
                    origin.rows[table.full_name] = self._small.read_version(self.path(table))
                is_known = pc.is_in(keys, value_set=distinct([known[key]]))
                yield Held(self.spark, batch.few.filter(pc.invert(is_known)))
                return
        known_rows = self.lookup(table, key, batch, origin).select(key)
        fresh = batch.rows.join(known_rows, key, "left_anti").select(*batch.rows.columns)
        with held(fresh, self._few_rows) as found:
            yield found

    def new_rows(
        self, table: Table, first: int, last: int, columns: tuple[str, ...], origin: Origin
    ) -> Iterator[pa.Table]:
        """The rows that the versions `first` to `last` wrote, with `columns`, in pieces that memory holds."""
        origin.changes[table.full_name] = first, last
        if self._small:
            yield from self._small.new_rows(self.path(table), first, last, columns, PIECE_ROWS)
            return
        feed = self._changes(table, first, last)[0].where(sf.col("_change_type") != "delete")
        yield plain(feed.select(*columns).toArrow())

    def keys(self, table: Table, column: str, values: pa.Array, at_least: int, *, origin: Origin) -> pa.ChunkedArray:
        """Those of `values` that at least so many rows of `table` have in `column`; among many, others may be too."""
        if self._small:
            found = self._small.keys(self.path(table), column, values, at_least)
            origin.rows[table.full_name] = self._small.read_version(self.path(table))
            return found
        wanted = self.spark.createDataFrame(pa.table({column: values}))
        rows = self.read(table, origin).join(wanted, column).groupBy(column).count()
        return plain(rows.where(sf.col("count") >= at_least).toArrow())[column]

    def local(self, rows: pa.Table) -> Held:
        """`rows` as a batch to write."""
        return Held(self.spark, rows)

    def last_origin(self, table: Table) -> Origin | None:
        """What the newest commit of `table` that says so was made from."""
        if self._small:
            return self._small.last_origin(self.path(table))
        history = DeltaTable.forPath(self.spark, self.path(table)).history(ORIGIN_WITHIN)
        found = (Origin.of_text(row.userMetadata) for row in history.select("userMetadata").collect())
        return next((origin for origin in found if origin), None)

    def append(
        self, table: Table, batch: Held, txn: tuple[str, int] | None = None, origin: Origin | None = None
    ) -> None:
        """Append the rows of `batch`. With `txn` (application, version) a repeated call changes nothing.

        Like every writing method, it says in the commit where the rows came from.
        """
        note = origin.to_text() if origin else None
        with self._turns[table.path]:
            if self._small and batch.few is not None:
                self._small.append(self.path(table), batch.few, txn, note)
            else:
                writer = batch.rows.coalesce(2).write.format("delta").mode("append")
                if note:
                    writer = writer.option("userMetadata", note)
                if txn:
                    writer = writer.option("txnAppId", txn[0]).option("txnVersion", str(txn[1]))
                writer.save(self.path(table))
            self._tidy(table)

    def merge(
        self, table: Table, batch: Held, key: str, gone: str, rule: UpdateRule, *, origin: Origin | None = None
    ) -> int | None:
        """Bring `batch` (one row per `key`) into `table`: remove where `gone`, else update by `rule`, else insert.

        Gives the number of rows that changed, None when they were too many to know.
        """
        note = origin.to_text() if origin else None
        with self._turns[table.path]:
            if self._small and batch.few is not None:
                changed: int | None = self._small.merge(self.path(table), batch.few, key, gone, rule, note=note)
            else:
                self._merge_in_spark(table, batch.rows, key, gone, rule, note=note)
                changed = None
            self._tidy(table)
            return changed

    def _merge_in_spark(
        self, table: Table, rows: DataFrame, key: str, gone: str, rule: UpdateRule, *, note: str | None
    ) -> None:
        # A merge takes its note from the session, and other threads commit in theirs: it gets one of its own.
        session = self.spark.newSession()
        session.conf.set("spark.databricks.delta.commitInfo.userMetadata", note or "")
        target = DeltaTable.forPath(session, self.path(table))
        values: dict[str, str | Column] = {name: f"s.{name}" for name in target.toDF().columns}
        merge = target.alias("t").merge(rows.alias("s"), f"t.{key} = s.{key}")
        merge = merge.whenMatchedDelete(condition=f"s.{gone}").whenMatchedUpdate(condition=rule.sql(), set=values)
        merge.whenNotMatchedInsert(condition=f"NOT s.{gone}", values=values).execute()

    def _tidy(self, table: Table) -> None:
        """Count the commit; in an object store, which has no other upkeep, compact after every so many."""
        self._commits[table.path] += 1
        if not self._small and self._commits[table.path] % COMMITS_PER_COMPACTION == 0:
            DeltaTable.forPath(self.spark, self.path(table)).optimize().executeCompaction()

    def _log(self, table: Table) -> Any:
        session = self.spark._jsparkSession  # noqa: SLF001 - Delta's log has no Python interface
        return self._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session, self.path(table))

    @property
    def _jvm(self) -> Any:
        return self.spark._jvm  # noqa: SLF001 - as above
