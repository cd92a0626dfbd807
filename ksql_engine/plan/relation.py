"""Rows with names: what a query starts from, and what its clauses make of it."""

from __future__ import annotations

from dataclasses import dataclass

from ksql_engine.dialect.ast import ColumnRef
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.plan.model import PSEUDO, WINDOW_BOUNDS, Column, Source, SourceStep, Step, WindowInfo
from ksql_engine.types import BIGINT


@dataclass(frozen=True)
class Relation:
    """Rows with names. `keys` are the columns of the key tuple; `joined` marks a relation of several sources.

    With a `window` the key tuple ends with the window's bounds, which `keys` leaves out. A join may have a key of its
    own that no source has (`synthetic`), or the left table's (`foreign`). `partitioned` are the texts of PARTITION BY.
    """

    step: Step
    scope: Scope
    kind: str
    keys: tuple[Column, ...]
    left: Source
    joined: bool = False
    window: WindowInfo | None = None
    viable: tuple[tuple[ColumnRef, ...], ...] | None = None
    synthetic: bool = False
    foreign: bool = False
    partitioned: tuple[str, ...] = ()

    @property
    def key_choices(self) -> tuple[tuple[ColumnRef, ...], ...]:
        """For each key column the columns, best first, that can stand for it in a SELECT."""
        if self.viable is not None:
            return self.viable
        marked = [column for column in self.scope.columns if column.is_key]
        return tuple((ColumnRef(column.source, column.name),) for column in marked)


def source_relation(source: Source, alias: str, pseudo: bool) -> Relation:
    """Return the rows of one source; with `pseudo` they carry the pseudo columns."""
    scope = Scope(single_columns(source, alias, pseudo))
    return Relation(SourceStep(source, pseudo), scope, source.kind, source.schema.key, source, window=source.window)


def single_columns(source: Source, alias: str, pseudo: bool) -> list[ScopeColumn]:
    """Return the names of one source's row: key columns and window bounds in `k`, value and pseudo columns in `v`."""
    columns = [
        ScopeColumn(alias, column.name, column.type, f"k[{place}]", is_key=True)
        for place, column in enumerate(source.schema.key)
    ]
    if source.window is not None:
        columns += bounds_columns(alias, len(source.schema.key))
    held = [(column.name, column.type, False) for column in source.row_columns]
    held += [(name, kind, True) for name, kind in PSEUDO] if pseudo else []
    columns += [
        ScopeColumn(alias, name, kind, f"v[{place}]", hidden=hidden) for place, (name, kind, hidden) in enumerate(held)
    ]
    return columns


def bounds_columns(alias: str | None, width: int) -> list[ScopeColumn]:
    """Return WINDOWSTART and WINDOWEND of a windowed row whose key has `width` columns."""
    return [
        ScopeColumn(alias, name, BIGINT, f"k[{width + place}]", hidden=True) for place, name in enumerate(WINDOW_BOUNDS)
    ]
