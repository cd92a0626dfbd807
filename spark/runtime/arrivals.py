"""A batch of records that were decoded and judged, as Arrow, sorted into the rows of bronze and quarantine."""

import time

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from spark.runtime.arrow import plain
from spark.runtime.decode import UNRESOLVED, value_name

_RECORD = {
    "key": "_key",
    "topic": "_topic",
    "partition": "_partition",
    "offset": "_offset",
    "timestamp_ms": "_timestamp_ms",
    "schema_id": "_schema_id",
    "is_tombstone": "_is_tombstone",
    "replayed_from": "_replayed_from",
}
_BAD = ("topic", "partition", "offset", "timestamp_ms", "value", "reason", "schema_id", "replayed_from")


def collected(judged: DataFrame) -> pa.Table:
    """What a classifier gives, computed, in one piece. Raw bytes come along for bad records alone."""
    is_bad = sf.col("reason").isNotNull()
    columns = {
        "is_tombstone": sf.col("value").isNull(),
        "raw_key": sf.when(is_bad, sf.col("raw_key")),
        "value": sf.when(is_bad, sf.col("value")),
    }
    return plain(judged.withColumns(columns).toArrow())


def unresolved(batch: pa.Table) -> set[tuple[str, int]]:
    """The schema ids that have to be asked for, each with the topic it came in."""
    found = batch.filter(pc.equal(batch["reason"], UNRESOLVED)).group_by(["topic", "schema_id"]).aggregate([])
    return set(zip(found["topic"].to_pylist(), found["schema_id"].to_pylist(), strict=True))


def kept(batch: pa.Table, topic: str, place: int) -> pa.Table:
    """The good records of `topic`, whose values are those of the source with number `place`, as bronze has them."""
    good = batch.filter(pc.and_(pc.equal(batch["topic"], topic), pc.is_null(batch["reason"])))
    name = value_name(place)
    values = good.select([name]).flatten()
    values = values.rename_columns([each.removeprefix(f"{name}.") for each in values.column_names])
    for column, stored_as in _RECORD.items():
        values = values.append_column(stored_as, good[column])
    return values


def bad(batch: pa.Table) -> pa.Table:
    """The records that broke the contract, as quarantine has them."""
    found = batch.filter(pc.is_valid(batch["reason"]))
    size = pc.fill_null(pc.binary_length(found["value"]), 0).cast(pa.string())
    detail = pc.binary_join_element_wise(found["reason"], ": ", size, " bytes", "")
    now_ms = pa.repeat(pa.scalar(time.time_ns() // 1_000_000, pa.int64()), found.num_rows)
    rows = found.select(_BAD).append_column("key", found["raw_key"])
    return rows.append_column("detail", detail).append_column("quarantined_at_ms", now_ms)
