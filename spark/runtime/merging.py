"""When a merge replaces a row that is there: one rule, said once for SQL and once for Arrow."""

from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


class UpdateRule(Protocol):
    """Whether the new row replaces the old one of the same key."""

    def sql(self) -> str:
        """The rule over the rows `s` (new) and `t` (old)."""

    def holds(self, new: pa.Table, old: pa.Table) -> pa.ChunkedArray:
        """The rule over the rows of two tables side by side: never null."""


@dataclass(frozen=True)
class Newer:
    """The new row stands at a higher `position`."""

    position: str

    def sql(self) -> str:
        """See UpdateRule."""
        return f"s.{self.position} > t.{self.position}"

    def holds(self, new: pa.Table, old: pa.Table) -> pa.ChunkedArray:
        """See UpdateRule."""
        return pc.fill_null(pc.greater(new[self.position], old[self.position]), False)


@dataclass(frozen=True)
class Differs:
    """The rows differ in one of `columns`."""

    columns: tuple[str, ...]

    def sql(self) -> str:
        """See UpdateRule."""
        return f"NOT ({' AND '.join(['true', *(f't.{name} <=> s.{name}' for name in self.columns)])})"

    def holds(self, new: pa.Table, old: pa.Table) -> pa.ChunkedArray:
        """See UpdateRule."""
        none = pa.chunked_array([pa.repeat(pa.scalar(False), new.num_rows)])
        return reduce(pc.or_, (_differ(new[name], old[name]) for name in self.columns), none)


def _differ(new: pa.ChunkedArray, old: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where two columns hold other values, as SQL's <=> compares: null is equal to null, NaN to NaN."""
    either = pc.xor(pc.is_null(new), pc.is_null(old))
    if pa.types.is_struct(new.type):
        names = [field.name for field in new.type]
        parts = (_differ(pc.struct_field(new, name), pc.struct_field(old, name)) for name in names)
        return reduce(pc.or_, parts, either)
    if pa.types.is_nested(new.type):
        pairs = zip(new.to_pylist(), old.to_pylist(), strict=True)
        return pa.chunked_array([pa.array([one != other for one, other in pairs], pa.bool_())])
    unequal = pc.not_equal(new, old)
    if pa.types.is_floating(new.type):
        unequal = pc.and_not(unequal, pc.and_(pc.is_nan(new), pc.is_nan(old)))
    return pc.or_(either, pc.fill_null(unequal, False))
