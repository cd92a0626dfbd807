"""One turn of a step: what changed in the tables it reads, through its pure function, into what it writes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as sf

from contracts.model import Table
from contracts.origin import Origin
from spark.runtime.batches import Held, distinct, held
from spark.runtime.kafka import KafkaSink
from spark.runtime.merging import Differs, Newer, UpdateRule
from spark.runtime.progress import Progress
from spark.runtime.steps import Insert, Inspect, Publish, Recompute, TableStep, Upsert, columns_written, tables_read
from spark.runtime.tables import Tables, columns_of

GONE = "_gone"
FIRST_CLOCK_MS = 120_000
Ranges = dict[Table, tuple[int, int]]


@dataclass(frozen=True)
class Turn:
    """What a turn did: rows written (None when they were too many to count for free) and for how long."""

    rows: int | None
    seconds: float


class Stepper:
    """Takes one step forward, again and again. A repeated turn gives the same tables."""

    def __init__(self, step: TableStep, tables: Tables, progress: Progress, sink: KafkaSink) -> None:
        self.step = step
        self._tables = tables
        self._progress = progress
        self._sink = sink
        self._started_ms = _now_ms()

    def behind(self) -> int:
        """How many versions of its tables the step has not taken in."""
        return sum(
            max(0, self._tables.version(table) + 1 - self._progress.next_version(table.full_name))
            for table in tables_read(self.step)
        )

    def warm_up(self) -> None:
        """Run the step's function on empty rows and drop the result: the first real turn finds compiled code."""
        step = self.step
        frames = [self._tables.empty_row(table) for table in tables_read(step)]
        if isinstance(step, Recompute):
            step.transform(frames, 0).toArrow()
        elif not isinstance(step, Publish):
            step.transform(_with_optional(step, frames[0])).toArrow()

    def advance(self) -> Turn | None:
        """Take in everything new; None when there is nothing."""
        started, started_ms = time.monotonic(), _now_ms()
        news = unread(self.step, self._tables, self._progress)
        everything = self.seconds_to_clock() == 0.0 or self._has_other_columns()
        if not news and not everything:
            return None
        origin = Origin(self.step.name)
        rows, ends = self._take(news, everything, origin)
        columns = "" if isinstance(self.step, Publish) else columns_written(self.step)
        self._progress.advance(ends, started_ms if everything else None, columns)
        return Turn(rows, time.monotonic() - started)

    def _has_other_columns(self) -> bool:
        """Whether the job asks for other columns than when it last ran: then every row has to be computed again."""
        known = self._progress.columns
        return isinstance(self.step, Recompute) and bool(known) and known != columns_written(self.step)

    def seconds_to_clock(self) -> float | None:
        """How long until time alone is a reason for a turn; None when it never is."""
        if not isinstance(self.step, Recompute) or self.step.every_s is None:
            return None
        due_ms = self._progress.all_keys_at_ms + self.step.every_s * 1000
        # What was missed while the process was down can wait until its start is over.
        return max(0.0, due_ms - _now_ms(), self._started_ms + FIRST_CLOCK_MS - _now_ms()) / 1000

    def _take(self, news: Ranges, everything: bool, origin: Origin) -> tuple[int | None, dict[str, int]]:
        """Take in the unread versions; the rows written, and the version that was come to in each table."""
        step = self.step
        if isinstance(step, Recompute):
            keys = {table: self._tables.changed(table, step.key, *span, origin) for table, span in news.items()}
            ends = {table.full_name: end for table, (_, end) in keys.items()}
            return self._recompute(step, [found for found, _ in keys.values()], everything, origin), ends
        feed, end = self._tables.changes(step.reads, *news[step.reads], origin)
        rows: int | None = None
        if isinstance(step, Publish):
            self._publish(step, feed)
        else:
            rows = self._upsert(step, feed, origin) if isinstance(step, Upsert) else self._insert(step, feed, origin)
        return rows, {step.reads.full_name: end}

    def _insert(self, step: Insert, feed: DataFrame, origin: Origin) -> int | None:
        columns = columns_of(columns_written(step)).names
        with held(step.transform(_with_optional(step, feed)).select(*columns)) as new:
            if new.is_empty:
                return 0
            with self._tables.without_known(step.writes, step.key, new, origin) as fresh:
                if not fresh.is_empty:
                    self._tables.append(step.writes, fresh, origin=origin)
                return fresh.count

    def _upsert(self, step: Upsert, feed: DataFrame, origin: Origin) -> int | None:
        columns = columns_of(columns_written(step)).names
        rows = step.transform(_with_optional(step, feed)).select(*columns, sf.col(step.gone).alias(GONE))
        return self._merge(step.writes, rows, step.key, Newer(step.position), origin)

    def _recompute(self, step: Recompute, changed: list[Held], everything: bool, origin: Origin) -> int | None:
        with self._touched(step, changed, everything) as keys:
            if keys.is_empty:
                return 0
            inputs = [self._tables.lookup(table, step.key, keys, origin) for table in step.reads]
            rows = _as_declared(step.transform(inputs, _now_ms()), step.columns)
            if step.version:
                # Every write has a greater number than all before it, so a row's version only grows.
                rows = rows.withColumn(step.version, sf.lit(self._tables.version(step.writes) + 1).cast("bigint"))
            rows = rows.withColumn(GONE, sf.lit(False))
            marked = keys.rows.join(rows, step.key, "left").withColumn(GONE, sf.coalesce(GONE, sf.lit(True)))
            return self._merge(step.writes, marked, step.key, self._differs(step), origin)

    @contextmanager
    def _touched(self, step: Recompute, changed: list[Held], everything: bool) -> Iterator[Held]:
        """The keys to compute, each once."""
        few = [each.few[step.key] for each in changed if each.few is not None]
        if not everything and len(few) == len(changed):
            yield Held(self._tables.spark, pa.table({step.key: distinct(few)}))
            return
        keys = [each.rows for each in changed]
        if everything:
            keys = [self._tables.read(table).select(step.key) for table in (step.reads[0], step.writes)]
        with held(reduce(DataFrame.union, keys).distinct()) as found:
            yield found

    def _differs(self, step: Recompute) -> Differs:
        aside = (step.key, *step.ignored, *([step.version] if step.version else []))
        return Differs(tuple(name for name in columns_of(step.columns).names if name not in aside))

    def _merge(self, table: Table, rows: DataFrame, key: str, rule: UpdateRule, origin: Origin) -> int | None:
        with held(rows) as batch:
            return 0 if batch.is_empty else self._tables.merge(table, batch, key, GONE, rule, origin=origin)

    def _publish(self, step: Publish, feed: DataFrame) -> None:
        # Inside one version a key that was removed and put back is there: its removal comes last.
        removed_last = sf.when(sf.col("_change_type") == "delete", 1).otherwise(0)
        newest = Window.partitionBy(step.key).orderBy(sf.col("_commit_version").desc(), removed_last)
        last = feed.withColumn("_rank", sf.row_number().over(newest)).where("_rank = 1")
        names = [name for name in feed.columns if not name.startswith("_")]
        value = sf.to_json(sf.struct(*names), {"ignoreNullFields": "false"})
        kept = sf.col("_change_type") != "delete"
        self._sink.send(step.topic, last.select(sf.col(step.key).alias("key"), sf.when(kept, value).alias("value")))


def unread(step: TableStep | Inspect, tables: Tables, progress: Progress) -> Ranges:
    """The versions that `step` has not taken in, of each table that has some."""
    news = {}
    for table in tables_read(step):
        first, last = progress.next_version(table.full_name), tables.version(table)
        if first <= last:
            news[table] = (first, last)
    return news


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _with_optional(step: Insert | Upsert, rows: DataFrame) -> DataFrame:
    """The same rows with every optional column the step asks for: null where they do not have it, or not as that."""
    types = {each.name.lower(): each.dataType for each in rows.schema}
    found = {}
    for each in columns_of(step.optional) if step.optional else ():
        there = types.get(each.name.lower())
        if there is None:
            found[each.name] = sf.lit(None).cast(each.dataType)
        elif there != each.dataType:
            found[each.name] = sf.col(each.name).try_cast(each.dataType)
    return rows.withColumns(found) if found else rows


def _as_declared(rows: DataFrame, columns: str) -> DataFrame:
    """The same rows in the declared types, where every part of a struct may be missing: it is where a row is gone."""
    types = {each.name: each.dataType for each in columns_of(columns)}
    return rows.select(*(sf.col(name).cast(types[name]).alias(name) for name in rows.columns))
