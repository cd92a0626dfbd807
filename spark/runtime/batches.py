"""A batch held still: read once, used several times. Few rows sit in the plan itself, many in Spark's storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.storagelevel import StorageLevel

from spark.runtime.arrow import plain

FEW_ROWS = 20_000
"""Some 10 MB. A batch of this size is faster in one piece than as a plan over partitions."""


@dataclass(frozen=True)
class Held:
    """The rows of a batch. `few` holds them as Arrow when there are at most FEW_ROWS, else it is None."""

    rows: DataFrame
    few: pa.Table | None

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no rows."""
        return self.few is not None and self.few.num_rows == 0

    @property
    def count(self) -> int | None:
        """How many rows a small batch has; None for a big one, where counting would cost another pass."""
        return None if self.few is None else self.few.num_rows

    def values(self, column: str) -> list[str] | None:
        """The distinct values of `column` of a small batch; None for a big one."""
        if self.few is None:
            return None
        return sorted({value for value in self.few.column(column).to_pylist() if value is not None})


@contextmanager
def held(rows: DataFrame, few_rows: int = FEW_ROWS) -> Iterator[Held]:
    """Compute `rows` once and give them back as a batch that can be used again and again.

    A small batch becomes a local relation: later plans need no job to read it, and know its size.
    """
    few = rows.limit(few_rows + 1).toArrow() if few_rows else None
    if few is not None and few.num_rows <= few_rows:
        few = plain(few)
        yield Held(rows.sparkSession.createDataFrame(few), few)
        return
    # Not persist(): Delta refuses a MERGE whose source is a cached plan (DELTA_MERGE_SOURCE_CACHED_DURING_EXECUTION).
    yield Held(rows.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK), None)
