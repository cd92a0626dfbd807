"""How good are the rows? New rows of the inspected tables, counted against what is expected of them.

The inspector reads the change feed after everyone else. The commit of its counts says up to which versions they go,
so a turn that comes again after a crash counts nothing twice.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema

from contracts.expectations import Expectation, References, Unique
from contracts.faults import Reason
from contracts.model import Table
from contracts.origin import Origin
from spark.runtime.advance import Ranges, Turn, unread
from spark.runtime.breaches import breaches
from spark.runtime.progress import Progress
from spark.runtime.steps import Ingest, Inspect, Source
from spark.runtime.tables import Tables, columns_of

COLUMNS = (
    "table STRING, expectation STRING, outcome STRING, checked BIGINT, violated BIGINT, examples ARRAY<STRING>, "
    "counted_at_ms BIGINT"
)
FLAGGED, QUARANTINED = "flagged", "quarantined"
EXAMPLES = 3


@dataclass
class Count:
    """What came out for one expectation: rows checked, rows that broke it, and the names of the first of those."""

    checked: int = 0
    violated: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, checked: int, broken: list[str]) -> None:
        """Count `checked` more rows, of which those with the names `broken` broke the expectation."""
        self.checked += checked
        self.violated += len(broken)
        self.examples += broken[: EXAMPLES - len(self.examples)]


class Inspector:
    """Counts, every now and then, what came into the tables since the last time."""

    def __init__(self, step: Inspect, tables: Tables, progress: Progress) -> None:
        self.step = step
        self._tables = tables
        self._progress = progress
        self._noticed_at: float | None = None
        self._is_recovered = False

    def warm_up(self) -> None:
        """Nothing to do: no plan is made."""

    def seconds_to_clock(self) -> float | None:
        """How long the rows that were noticed may still wait; None when there are none."""
        if self._noticed_at is None:
            return None
        return max(0.0, self._noticed_at + self.step.every_s - time.monotonic())

    def advance(self) -> Turn | None:
        """Count what is due; None when nothing is."""
        self._recover()
        news = unread(self.step, self._tables, self._progress)
        if not news:
            return None
        started = time.monotonic()
        if self._noticed_at is None:
            self._noticed_at = started
        if self.seconds_to_clock():
            return None
        origin = Origin(self.step.name)
        rows = self._count_of(news, origin)
        if rows:
            counts = pa.Table.from_pylist(rows, schema=to_arrow_schema(columns_of(COLUMNS)))
            self._tables.append(self.step.writes, self._tables.local(counts), origin=origin)
        self._progress.advance({table.full_name: last for table, (_, last) in news.items()})
        self._noticed_at = None
        return Turn(len(rows), time.monotonic() - started)

    def _recover(self) -> None:
        """Take over what the last commit counted, should the process have ended before it noted that."""
        if not self._is_recovered:
            counted = self._tables.last_origin(self.step.writes)
            for name, (_, last) in counted.changes.items() if counted else ():
                if self._progress.next_version(name) <= last:
                    self._progress.advance({name: last})
            self._is_recovered = True

    def _count_of(self, news: Ranges, origin: Origin) -> list[dict[str, object]]:
        """The rows to write: of the tables' own expectations, and of what the ingests refused."""
        found = [
            (table, str(expectation), FLAGGED, count)
            for table in news
            for expectation, count in self._flagged(table, news[table], origin).items()
        ]
        for ingest in self.step.ingests:
            refused = self._refused(ingest, news, origin)
            for source in ingest.sources:
                arrived = self._arrived(source.table, news, origin)
                counts = of_source(source, ingest, arrived, refused.get(source.topic.name, {}))
                found += [(source.table, reason, QUARANTINED, count) for reason, count in counts.items()]
        now_ms = time.time_ns() // 1_000_000
        return [
            {"table": table.full_name, "expectation": name, "outcome": outcome, **vars(count), "counted_at_ms": now_ms}
            for table, name, outcome, count in found
            if count.checked
        ]

    def _flagged(self, table: Table, span: tuple[int, int], origin: Origin) -> dict[Expectation, Count]:
        """The new rows of `table` against its own expectations."""
        counts = {each: Count() for each in table.expects}
        if not counts:
            return {}
        columns = tuple(dict.fromkeys(each.column for each in counts))
        name = next(each.column for each in counts if isinstance(each, Unique))
        for rows in self._tables.new_rows(table, *span, columns, origin):
            for expectation, count in counts.items():
                where, key = looked_up(table, expectation)
                broken = breaches(expectation, rows, partial(self._tables.keys, where, key, origin=origin))
                count.add(rows.num_rows, rows.filter(broken)[name].to_pylist())
        return counts

    def _arrived(self, table: Table, news: Ranges, origin: Origin) -> int:
        """How many rows came into `table`."""
        pieces = self._tables.new_rows(table, *news[table], ("_offset",), origin) if table in news else ()
        return sum(piece.num_rows for piece in pieces)

    def _refused(self, ingest: Ingest, news: Ranges, origin: Origin) -> dict[str, dict[str, Count]]:
        """What came into quarantine, per topic and reason; records are named by partition:offset."""
        found: dict[str, dict[str, Count]] = defaultdict(lambda: defaultdict(Count))
        columns = ("topic", "partition", "offset", "reason")
        quarantine = ingest.quarantine
        pieces = self._tables.new_rows(quarantine, *news[quarantine], columns, origin) if quarantine in news else ()
        for piece in pieces:
            for topic, partition, offset, reason in zip(*(piece[name].to_pylist() for name in columns), strict=True):
                found[topic][reason].add(0, [f"{partition}:{offset}"])
        return found


def of_source(source: Source, ingest: Ingest, arrived: int, refused: Mapping[str, Count]) -> dict[str, Count]:
    """The count of every reason for which a record of `source` is refused. Each record was checked for all of them."""
    rules = {rule.reason for each in ingest.sources for rule in each.rules}
    framing = set(Reason) - rules - ({Reason.NULL_VALUE} if source.erasable else set())
    possible = framing | {rule.reason for rule in source.rules}
    checked = arrived + sum(count.violated for count in refused.values())
    names = [reason.value for reason in Reason if reason in possible]
    counts = {name: refused.get(name, Count()) for name in [*names, *(refused.keys() - set(names))]}
    return {name: Count(checked, count.violated, count.examples) for name, count in counts.items()}


def looked_up(table: Table, expectation: Expectation) -> tuple[Table, str]:
    """The table and column in which an expectation about other rows looks them up."""
    if isinstance(expectation, References):
        return expectation.table, expectation.key
    return table, expectation.column
