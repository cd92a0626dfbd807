"""What a step of a pipeline can be, as data: what it reads, what it writes, and the pure function between them.

A job file declares its steps; `spark/runtime` runs them. A step never sees a path, an option or a wait.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame

from contracts.faults import Reason
from contracts.model import Table, Topic

Transform = Callable[[DataFrame], DataFrame]


@dataclass(frozen=True)
class Rule:
    """A rule of the contract: `broken(value, record)` is true for a record that breaks it.

    `value` is the decoded struct; `record` gives the columns key and timestamp_ms of the Kafka record by name.
    """

    reason: Reason
    broken: Callable[[Column, Callable[[str], Column]], Column]


@dataclass(frozen=True)
class Source:
    """A topic and the bronze table it lands in. `erasable`: a null value is an erase, not a fault."""

    topic: Topic
    table: Table
    rules: tuple[Rule, ...]
    erasable: bool = False


@dataclass(frozen=True)
class Ingest:
    """Topics → bronze tables and one quarantine; every record lands exactly once in one of them."""

    name: str
    job: str
    sources: tuple[Source, ...]
    quarantine: Table

    @property
    def reads(self) -> tuple[Topic, ...]:
        """The topics."""
        return tuple(source.topic for source in self.sources)

    @property
    def writes(self) -> tuple[Table, ...]:
        """The bronze tables and the quarantine."""
        return (*(source.table for source in self.sources), self.quarantine)


@dataclass(frozen=True)
class Insert:
    """New rows of `reads` → rows of `writes` whose `key` is not there yet. The first one wins.

    `transform` gives at most one row per `key`. `optional` are further columns that `reads` may not have yet: they
    are null until senders fill them, also where a sent value cannot be one of the declared type.
    """

    name: str
    job: str
    reads: Table
    writes: Table
    key: str
    columns: str
    transform: Transform
    optional: str = ""


@dataclass(frozen=True)
class Upsert:
    """New rows of `reads` → the row of each `key` in `writes` with the highest `position`.

    `transform` gives at most one row per `key`; where its column `gone` is true, the row of that key is removed.
    `optional` as in Insert.
    """

    name: str
    job: str
    reads: Table
    writes: Table
    key: str
    position: str
    gone: str
    columns: str
    transform: Transform
    optional: str = ""


@dataclass(frozen=True)
class Recompute:
    """The rows of every `key` that changed in one of `reads`, computed anew from those tables.

    `transform` gets the tables in the order of `reads`, with the rows of touched keys only, and the time of the
    computation in ms; it gives at most one row per key. A touched key without a row is removed. Rows that differ
    only in `ignored` columns stay as they are. `every_s`: all keys are computed again after that many seconds.
    When `columns` are not those of the last time, all keys are computed again too. `urgent` steps run before others.
    """

    name: str
    job: str
    reads: tuple[Table, ...]
    writes: Table
    key: str
    columns: str
    transform: Callable[[list[DataFrame], int], DataFrame]
    version: str | None = None
    ignored: tuple[str, ...] = ()
    every_s: float | None = None
    urgent: bool = True


@dataclass(frozen=True)
class Publish:
    """Changed rows of `reads`, whole → one JSON record per key in `topic`; a removed row becomes a null value.

    At least once, in the order of the table's versions per key.
    """

    name: str
    job: str
    reads: Table
    topic: Topic
    key: str
    urgent: bool = True


@dataclass(frozen=True)
class Inspect:
    """New rows of `reads` → how many were checked and how many broke each expectation, as rows of `writes`.

    What `ingests` put into quarantine is counted with the table the record was meant for. Counted once, at least
    `every_s` seconds after the rows came: nobody waits for it.
    """

    name: str
    job: str
    reads: tuple[Table, ...]
    writes: Table
    ingests: tuple[Ingest, ...]
    columns: str
    every_s: float
    urgent: bool = False


TableStep = Insert | Upsert | Recompute | Publish
Step = Ingest | TableStep | Inspect


def tables_written(steps: tuple[Step, ...]) -> tuple[Table, ...]:
    """The tables that `steps` write, in order."""
    found: list[Table] = []
    for step in steps:
        if isinstance(step, Ingest):
            found.extend(step.writes)
        elif not isinstance(step, Publish):
            found.append(step.writes)
    return tuple(found)


def columns_written(step: Insert | Upsert | Recompute | Inspect) -> str:
    """The columns of the table that `step` writes."""
    optional = "" if isinstance(step, Recompute | Inspect) else step.optional
    return f"{step.columns}, {optional}" if optional else step.columns


def tables_read(step: TableStep | Inspect) -> tuple[Table, ...]:
    """The tables that `step` reads."""
    return step.reads if isinstance(step, Recompute | Inspect) else (step.reads,)
