"""The one streaming query: Kafka → bronze tables and quarantine, every record exactly once in one of them."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import StructType

from contracts.model import Table
from contracts.origin import Offsets, Origin
from spark.runtime.batches import Held, held
from spark.runtime.decode import UNRESOLVED, Classifier, classifier, fits_a_table, spark_type, value_name
from spark.runtime.readers import Readers
from spark.runtime.registry import SchemaIds
from spark.runtime.report import say
from spark.runtime.steps import Ingest
from spark.runtime.tables import Tables, columns_of

RECORD_COLUMNS = (
    "_key STRING, _topic STRING, _partition INT, _offset BIGINT, _timestamp_ms BIGINT, _schema_id INT, "
    "_is_tombstone BOOLEAN, _replayed_from STRING"
)
QUARANTINE_COLUMNS = (
    "topic STRING, partition INT, offset BIGINT, timestamp_ms BIGINT, key BINARY, value BINARY, reason STRING, "
    "detail STRING, schema_id INT, quarantined_at_ms BIGINT, replayed_from STRING"
)


def bronze_schemas(spark: SparkSession, step: Ingest, readers: tuple[str, ...]) -> dict[Table, StructType]:
    """The columns of every table the step writes."""
    record = columns_of(RECORD_COLUMNS)
    found = {
        source.table: StructType(spark_type(spark, reader).fields + record.fields)
        for source, reader in zip(step.sources, readers, strict=True)
    }
    return found | {step.quarantine: columns_of(QUARANTINE_COLUMNS)}


@dataclass
class BronzeWriter:
    """Writes one batch of records into bronze and quarantine.

    Each table's commit carries (checkpoint id, batch id): after a crash between the commits the same batch comes
    again, and the tables that have it already stay as they are. A schema id that comes for the first time may bring
    new optional fields: they become columns of its bronze table at once. `patiently` repeats a call while the
    registry is down; `committed` is told of each table that changed.
    """

    step: Ingest
    readers: Readers
    tables: Tables
    schema_ids: SchemaIds
    checkpoint_id: str
    notes: "UnknownIdNotes"
    pool: ThreadPoolExecutor
    patiently: Callable[[Callable[[], set[int]]], set[int]]
    committed: Callable[[Table], None]
    offsets_of: Callable[[int], Offsets]
    _classifier: Classifier | None = None

    def write(self, records: DataFrame, batch_id: int) -> int:
        """Write the records of batch `batch_id`, once and for all; how many there were."""
        unknown = self.notes.of(batch_id)
        with held(self._classified(records, unknown)) as batch:
            to_ask = self._unresolved(batch)
            if not to_ask:
                return self._commit(batch, batch_id)
        unknown |= self.patiently(lambda: self.schema_ids.learn({number for _, number in to_ask}))
        # A replay must sort the records the same way, whatever the registry has learnt by then.
        self.notes.keep(batch_id, unknown)
        self._extend(records.sparkSession, to_ask)
        with held(self._classified(records, unknown)) as batch:
            return self._commit(batch, batch_id)

    def _classified(self, records: DataFrame, unknown: frozenset[int]) -> DataFrame:
        """The records with their reasons, by all schemas found so far."""
        found = self.schema_ids.known()
        if self._classifier is None or (self._classifier.known, self._classifier.unknown) != (
            frozenset(found) - unknown,
            unknown,
        ):
            self._classifier = classifier(self.step.sources, self.readers.texts, found, unknown)
        return self._classifier(records)

    def _unresolved(self, batch: Held) -> set[tuple[str, int]]:
        """The ids in the batch that have to be asked for, each with the topic it came in."""
        if batch.few is not None:
            found = (batch.few.column(name).to_pylist() for name in ("reason", "topic", "schema_id"))
            return {(topic, number) for reason, topic, number in zip(*found, strict=True) if reason == UNRESOLVED}
        rows = batch.rows.where(sf.col("reason") == UNRESOLVED).select("topic", "schema_id").distinct()
        return {(row.topic, row.schema_id) for row in rows.collect()}

    def _extend(self, spark: SparkSession, seen: set[tuple[str, int]]) -> None:
        """Give the bronze tables the optional fields that the schemas of these topics and ids bring."""
        found, sources = self.schema_ids.known(), {source.topic.name: source for source in self.step.sources}
        for name, number in sorted(seen):
            source = sources[name]
            added = self.readers.extend(source.topic, found.get(number), partial(fits_a_table, spark))
            if added:
                self._classifier = None
                self.tables.add_columns(source.table, spark_type(spark, self.readers.text(source.topic)))
                say(f"{source.table.full_name} has new columns by schema {number}: {', '.join(added)}")

    def _commit(self, batch: Held, batch_id: int) -> int:
        """Write the tables that get rows side by side."""
        counts = self._counts(batch)
        parts: list[tuple[Table, DataFrame]] = [
            (source.table, self._kept(batch.rows, place))
            for place, source in enumerate(self.step.sources)
            if counts.get((source.topic.name, False))
        ]
        if any(bad for _, bad in counts):
            parts.append((self.step.quarantine, self._bad(batch.rows)))
        txn = (self.checkpoint_id, batch_id)
        offsets = self.offsets_of(batch_id)
        written = [
            self.pool.submit(self._append, table, rows, batch, txn, self._origin(table, offsets))
            for table, rows in parts
        ]
        wait(written)
        for each in written:
            self.committed(each.result())
        return sum(counts.values())

    def _origin(self, table: Table, offsets: Offsets) -> Origin:
        """What the rows of `table` were made from: of all topics of the batch, those that can land in it."""
        own = {source.topic.name for source in self.step.sources if table in (source.table, self.step.quarantine)}
        return Origin(self.step.name, offsets={topic: parts for topic, parts in offsets.items() if topic in own})

    def _append(self, table: Table, rows: DataFrame, batch: Held, txn: tuple[str, int], origin: Origin) -> Table:
        if batch.few is None:
            self.tables.append(table, Held(rows, None), txn, origin)
            return table
        with held(rows) as part:
            self.tables.append(table, part, txn, origin)
        return table

    def _counts(self, batch: Held) -> dict[tuple[str, bool], int]:
        """Records per topic and whether they are bad."""
        if batch.few is not None:
            reasons, topics = batch.few.column("reason").to_pylist(), batch.few.column("topic").to_pylist()
            return Counter((topic, reason is not None) for topic, reason in zip(topics, reasons, strict=True))
        rows = batch.rows.groupBy("topic", sf.col("reason").isNotNull().alias("bad")).agg(sf.count("*").alias("found"))
        return {(row.topic, row.bad): row.found for row in rows.collect()}

    def _kept(self, rows: DataFrame, place: int) -> DataFrame:
        """The good records of the source with this number, as its bronze table has them."""
        source = self.step.sources[place]
        good = rows.where((sf.col("topic") == source.topic.name) & sf.col("reason").isNull())
        return good.select(
            f"{value_name(place)}.*",
            sf.col("key").alias("_key"),
            sf.col("topic").alias("_topic"),
            sf.col("partition").alias("_partition"),
            sf.col("offset").alias("_offset"),
            sf.col("timestamp_ms").alias("_timestamp_ms"),
            sf.col("schema_id").alias("_schema_id"),
            sf.col("value").isNull().alias("_is_tombstone"),
            sf.col("replayed_from").alias("_replayed_from"),
        )

    def _bad(self, rows: DataFrame) -> DataFrame:
        return rows.where(sf.col("reason").isNotNull()).select(
            "topic",
            "partition",
            "offset",
            "timestamp_ms",
            sf.col("raw_key").alias("key"),
            "value",
            "reason",
            sf.format_string("%s: %d bytes", sf.col("reason"), sf.coalesce(sf.length("value"), sf.lit(0))).alias(
                "detail"
            ),
            "schema_id",
            sf.unix_millis(sf.current_timestamp()).alias("quarantined_at_ms"),
            "replayed_from",
        )


class UnknownIdNotes:
    """Which schema ids the registry did not have when a batch was written: the last such batch only."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "unknown_ids.json"

    def of(self, batch_id: int) -> frozenset[int]:
        """The ids noted for this batch."""
        if not self._file.exists():
            return frozenset()
        noted = json.loads(self._file.read_text("utf-8"))
        return frozenset(noted["ids"]) if noted["batch_id"] == batch_id else frozenset()

    def keep(self, batch_id: int, ids: frozenset[int]) -> None:
        """Note the ids of this batch."""
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"batch_id": batch_id, "ids": sorted(ids)}), "utf-8")
        part.replace(self._file)
