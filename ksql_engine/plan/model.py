"""What a plan is made of: schemas, sources, and the steps of a query from its sources to its sink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ksql_engine.expressions.rows import Projection
from ksql_engine.functions.aggregate import Aggregator
from ksql_engine.types import BIGINT, INTEGER, SqlType

STREAM, TABLE = "STREAM", "TABLE"
PSEUDO: tuple[tuple[str, SqlType], ...] = (("ROWTIME", BIGINT), ("ROWPARTITION", INTEGER), ("ROWOFFSET", BIGINT))
PSEUDO_NAMES = frozenset(name for name, _ in PSEUDO)
WINDOW_BOUNDS: tuple[str, str] = ("WINDOWSTART", "WINDOWEND")
RESERVED_NAMES = PSEUDO_NAMES | set(WINDOW_BOUNDS)


@dataclass(frozen=True)
class Column:
    """A column's name and type."""

    name: str
    type: SqlType


@dataclass(frozen=True)
class Schema:
    """Key columns and value columns, each in order."""

    key: tuple[Column, ...]
    value: tuple[Column, ...]

    def __str__(self) -> str:
        """Return the form `ID` STRING KEY, `N` INTEGER."""
        keys = [f"`{column.name}` {column.type} KEY" for column in self.key]
        return ", ".join(keys + [f"`{column.name}` {column.type}" for column in self.value])

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, the key's first."""
        return self.key + self.value


@dataclass(frozen=True)
class FormatSpec:
    """A format's name with its options; `wrap` False writes a single value column without a record around it.

    `schema_id` is a registered schema that is used as it is.
    """

    name: str
    delimiter: str = ","
    wrap: bool = True
    full_name: str | None = None
    schema_id: int | None = None


@dataclass(frozen=True)
class TimeColumn:
    """The column that gives a record's time, with its pattern when it is text.

    A record without a valid time is left out; `strict` stops its query instead.
    """

    name: str
    pattern: str | None = None
    strict: bool = False


@dataclass(frozen=True)
class HeaderColumn:
    """A column read from a record's headers: all of them, or with `key` the value of the last one called so."""

    name: str
    type: SqlType
    key: str | None = None


@dataclass(frozen=True)
class WindowInfo:
    """The windows of keys: `kind` TUMBLING, HOPPING or SESSION; `size` in ms, None for sessions.

    The key tuple of a windowed row ends with the window's start and end (ms since the epoch), which are no columns of
    the schema. A session's end is its last record's time, else the first ms after the window.
    """

    kind: str
    size: int | None


@dataclass(frozen=True)
class Source:
    """A stream or table over a topic. `query_id` is the query that writes it, or None when it was declared."""

    name: str
    kind: str
    schema: Schema
    topic: str
    key_format: FormatSpec
    value_format: FormatSpec
    time: TimeColumn | None = None
    statement: str = ""
    query_id: str | None = None
    partitions: int | None = None
    replicas: int | None = None
    read_only: bool = False
    window: WindowInfo | None = None
    headers: tuple[HeaderColumn, ...] = ()
    retention_ms: int | None = None

    @property
    def row_columns(self) -> tuple[Column, ...]:
        """The columns of a decoded record's value: those of the schema, then those of its headers."""
        return self.schema.value + tuple(Column(header.name, header.type) for header in self.headers)

    @property
    def is_table(self) -> bool:
        """Whether this is a table."""
        return self.kind == TABLE


@dataclass(frozen=True)
class SourceStep:
    """Rows of a topic. With `pseudo` the value ends with ROWTIME, ROWPARTITION, ROWOFFSET."""

    source: Source
    pseudo: bool


@dataclass(frozen=True)
class FilterStep:
    """Keeps rows for which `predicate(k, v, report)` is true; a table's other rows become tombstones."""

    input: Step
    predicate: Callable[..., Any]
    table: bool
    text: str


@dataclass(frozen=True)
class ExplodeStep:
    """One row for each place of the longest of the lists `items` gives; the lists' items follow the row's values."""

    input: Step
    items: Projection


@dataclass(frozen=True)
class ProjectStep:
    """New key (None: the old one) and new value."""

    input: Step
    key: Projection | None
    value: Projection


@dataclass(frozen=True)
class Windowing:
    """The windows of a GROUP BY; all times in ms. `length` is a window's size or a session's gap.

    `final` emits each window once, when it is closed. `repartitioned` says that rows come from all partitions.
    """

    info: WindowInfo
    length: int
    advance: int
    grace: int
    retention: int
    final: bool
    repartitioned: bool


@dataclass(frozen=True)
class AggregateStep:
    """Groups by `group`, aggregates `args`. `table` takes a row's old contribution back before the new one.

    With `windowing` the result's key ends with the bounds of a window.
    """

    input: Step
    group: Projection
    args: Projection
    aggregators: tuple[Aggregator, ...]
    slots: tuple[tuple[int, int], ...]
    table: bool
    text: str
    windowing: Windowing | None = None


@dataclass(frozen=True)
class SideStep:
    """A join's input: rows ready to be put side by side, under the key they are joined on.

    With `whole` the key comes first in the value. Where `key` is given, it makes the new key from key and value. Of a
    stream, records without a value or with a null in the key are left out: they join with nothing.
    """

    input: Step
    whole: bool
    key: Projection | None
    table: bool


@dataclass(frozen=True)
class StreamJoinStep:
    """Joins streams on their keys within time: right from `before` ms before to `after` ms after left.

    With `grace` (ms) rows without a partner wait until no record in time can match them any more; without, they are
    passed on at once, and again with each partner. `repartitioned` says that rows come from all partitions.
    """

    left: Step
    right: Step
    kind: str
    widths: tuple[int, int]
    before: int
    after: int
    grace: int | None
    repartitioned: bool


@dataclass(frozen=True)
class StreamTableJoinStep:
    """Looks each stream row's key up in the table; the value is both rows side by side."""

    stream: Step
    table: Step
    kind: str
    table_width: int


@dataclass(frozen=True)
class TableJoinStep:
    """Joins tables on their keys; `kinds[i]` joins input i+1 to all before it; the value is all rows side by side."""

    inputs: tuple[Step, ...]
    kinds: tuple[str, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class ForeignJoinStep:
    """Joins each left row to the right row whose key is `foreign` of the left; the key stays the left's."""

    left: Step
    right: Step
    foreign: Projection
    kind: str
    right_width: int
    text: str


Step = (
    SourceStep
    | FilterStep
    | ExplodeStep
    | ProjectStep
    | AggregateStep
    | SideStep
    | StreamJoinStep
    | StreamTableJoinStep
    | TableJoinStep
    | ForeignJoinStep
)


def inputs_of(step: Step) -> tuple[Step, ...]:
    """Return the steps that `step` reads, from left to right."""
    if isinstance(step, SourceStep):
        return ()
    if isinstance(step, TableJoinStep):
        return step.inputs
    if isinstance(step, StreamTableJoinStep):
        return (step.stream, step.table)
    if isinstance(step, (StreamJoinStep, ForeignJoinStep)):
        return (step.left, step.right)
    return (step.input,)


def sources_of(step: Step) -> tuple[SourceStep, ...]:
    """Return the source steps under `step`, from left to right."""
    if isinstance(step, SourceStep):
        return (step,)
    return tuple(found for one in inputs_of(step) for found in sources_of(one))


@dataclass(frozen=True)
class QueryPlan:
    """A query made ready: its last step, what it yields, and for a persistent query its sink.

    Without `writes` the result is kept for pull queries alone, and nothing goes to the sink's topic.
    """

    step: Step
    kind: str
    schema: Schema
    sink: Source | None = None
    has_filter: bool = False
    limit: int | None = None
    sources: tuple[str, ...] = field(default=())
    window: WindowInfo | None = None
    writes: bool = True

    def with_id(self, query_id: str) -> QueryPlan:
        """Return the plan whose sink names `query_id` as its writer."""
        return replace(self, sink=replace(self.sink, query_id=query_id)) if self.sink else self
