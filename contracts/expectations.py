"""What the rows of a table are expected to be, as data: declared with the table, counted by the lakehouse.

A row that breaks an expectation stays where it is and is counted: it is flagged, not removed. Records that break the
contract itself never come so far; they are in quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.model import Table


@dataclass(frozen=True)
class NotNull:
    """`column` has a value in every row."""

    column: str

    def __str__(self) -> str:
        return f"{self.column} is not null"


@dataclass(frozen=True)
class Unique:
    """No two rows of the table have the same `column`: it names the row."""

    column: str

    def __str__(self) -> str:
        return f"{self.column} is unique"


@dataclass(frozen=True)
class Between:
    """`column` is from `low` to `high`, both included; None leaves a side open. A missing value passes."""

    column: str
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.high is None:
            return f"{self.column} >= {self.low}"
        return f"{self.column} <= {self.high}" if self.low is None else f"{self.column} in {self.low}..{self.high}"


@dataclass(frozen=True)
class OneOf:
    """`column` is one of `values`. A missing value passes."""

    column: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column} in ({', '.join(self.values)})"


@dataclass(frozen=True)
class References:
    """`column` is a `key` of `table` when the row is counted. A missing value passes.

    In a stream the other row may come later, so a violation says "not yet", and the row is right all the same.
    """

    column: str
    table: Table
    key: str

    def __str__(self) -> str:
        return f"{self.column} in {self.table.full_name}"


Expectation = NotNull | Unique | Between | OneOf | References
