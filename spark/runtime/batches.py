"""A batch held still: read once, used several times. Few rows are held as Arrow, many in Spark's storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from spark.runtime.arrow import plain

FEW_ROWS = 50_000
"""Some 20 MB. A batch of this size is faster in one piece than as a plan over partitions."""


@dataclass(frozen=True)
class Held:
    """The rows of a batch: `few` holds them as Arrow when there are at most FEW_ROWS, else `stored` is Spark's."""

    spark: SparkSession
    few: pa.Table | None
    stored: DataFrame | None = None

    @cached_property
    def rows(self) -> DataFrame:
        """The rows for Spark. Those of a small batch are handed over when they are asked for."""
        return self.spark.createDataFrame(self.few) if self.stored is None else self.stored

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no rows."""
        return self.few is not None and self.few.num_rows == 0

    @property
    def count(self) -> int | None:
        """How many rows a small batch has; None for a big one, where counting would cost another pass."""
        return None if self.few is None else self.few.num_rows

    def values(self, column: str) -> pa.Array | None:
        """The distinct values of `column` of a small batch; None for a big one."""
        return None if self.few is None else distinct([self.few.column(column)])


def distinct(columns: list[pa.ChunkedArray]) -> pa.Array:
    """The values that are in one of `columns`, each once, without null."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pc.drop_null(pc.unique(pa.chunked_array(chunks, columns[0].type)))


@contextmanager
def held(rows: DataFrame, few_rows: int = FEW_ROWS) -> Iterator[Held]:
    """Compute `rows` once and give them back as a batch that can be used again and again."""
    few = rows.limit(few_rows + 1).toArrow() if few_rows else None
    if few is not None and few.num_rows <= few_rows:
        yield Held(rows.sparkSession, plain(few))
        return
    # Not persist(): Delta refuses a MERGE whose source is a cached plan (DELTA_MERGE_SOURCE_CACHED_DURING_EXECUTION).
    stored = rows.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK)
    yield Held(rows.sparkSession, None, stored)
