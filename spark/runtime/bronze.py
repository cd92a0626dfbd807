"""The one streaming query: Kafka → bronze tables and quarantine, every record exactly once in one of them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from contracts.model import Table
from contracts.origin import Offsets, Origin
from spark.runtime.arrivals import bad, collected, kept, unresolved
from spark.runtime.batches import Held
from spark.runtime.decode import Classifier, classifier, fits_a_table, spark_type
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
        batch = collected(self._classified(records, unknown))
        to_ask = unresolved(batch)
        if to_ask:
            unknown |= self.patiently(lambda: self.schema_ids.learn({number for _, number in to_ask}))
            # A replay must sort the records the same way, whatever the registry has learnt by then.
            self.notes.keep(batch_id, unknown)
            self._extend(records.sparkSession, to_ask)
            batch = collected(self._classified(records, unknown))
        return self._commit(records.sparkSession, batch, batch_id)

    def _classified(self, records: DataFrame, unknown: frozenset[int]) -> DataFrame:
        """The records with their reasons, by all schemas found so far."""
        found = self.schema_ids.known()
        if self._classifier is None or (self._classifier.known, self._classifier.unknown) != (
            frozenset(found) - unknown,
            unknown,
        ):
            self._classifier = classifier(self.step.sources, self.readers.texts, found, unknown)
        return self._classifier(records)

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

    def _commit(self, spark: SparkSession, batch: pa.Table, batch_id: int) -> int:
        """Write the tables that get rows side by side."""
        parts = [
            (source.table, kept(batch, source.topic.name, place)) for place, source in enumerate(self.step.sources)
        ]
        parts.append((self.step.quarantine, bad(batch)))
        txn = (self.checkpoint_id, batch_id)
        offsets = self.offsets_of(batch_id)
        written = [
            self.pool.submit(self._append, table, Held(spark, rows), txn, self._origin(table, offsets))
            for table, rows in parts
            if rows.num_rows
        ]
        wait(written)
        for each in written:
            self.committed(each.result())
        return int(batch.num_rows)

    def _origin(self, table: Table, offsets: Offsets) -> Origin:
        """What the rows of `table` were made from: of all topics of the batch, those that can land in it."""
        own = {source.topic.name for source in self.step.sources if table in (source.table, self.step.quarantine)}
        return Origin(self.step.name, offsets={topic: parts for topic, parts in offsets.items() if topic in own})

    def _append(self, table: Table, rows: Held, txn: tuple[str, int], origin: Origin) -> Table:
        self.tables.append(table, rows, txn, origin)
        return table


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
