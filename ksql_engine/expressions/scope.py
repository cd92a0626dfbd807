"""Names that an expression may use, and where each stands in a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ksql_engine.dialect.ast import ColumnRef, Expr, rebuild
from ksql_engine.dialect.text import expression_text, listed
from ksql_engine.errors import StatementError
from ksql_engine.types import SqlType


@dataclass(frozen=True)
class ScopeColumn:
    """A column in scope. `code` reads it from the key tuple `k` or the value tuple `v`, such as `k[0]` or `v[3]`.

    `shown` is the expression that messages quote where the column stands for one.
    """

    source: str | None
    name: str
    type: SqlType
    code: str
    is_key: bool = False
    hidden: bool = False
    shown: Expr | None = None


class Scope:
    """The columns of one or several sources, found by name or by source and name."""

    def __init__(self, columns: Iterable[ScopeColumn], clause: str = "SELECT") -> None:
        """Keep `columns`; `clause` names the place in messages."""
        self.columns = tuple(columns)
        self.clause = clause
        self._by_name: dict[str, list[ScopeColumn]] = {}
        for column in self.columns:
            self._by_name.setdefault(column.name, []).append(column)

    def for_clause(self, clause: str) -> Scope:
        """Return the same scope whose messages name another clause."""
        return Scope(self.columns, clause)

    def find(self, ref: ColumnRef) -> ScopeColumn | None:
        """Return the column `ref` means, or None. Raises StatementError when several sources have it."""
        matches = self._by_name.get(ref.name, [])
        if ref.source is not None:
            matches = [column for column in matches if column.source == ref.source]
        if len(matches) > 1 and len({column.source for column in matches}) > 1:
            options = listed(sorted(f"{column.source}.{column.name}" for column in matches), "or")
            raise StatementError(f"{self._at(ref)}Column '{ref.name}' is ambiguous. Could be {options}.")
        return matches[0] if matches else None

    def resolve(self, ref: ColumnRef) -> ScopeColumn:
        """Return the column `ref` means. Raises StatementError when there is none."""
        found = self.find(ref)
        if found is None:
            shown = expression_text(ref).replace("`", "")
            reason = " because source table or stream is unknown" if self._unknown_source(ref) else ""
            raise StatementError(f"{self._at(ref)}{self.clause} column '{shown}' cannot be resolved{reason or '.'}")
        return found

    def displayed(self, expr: Expr) -> Expr:
        """Return `expr` with the names that messages use: `COLUMN` of one source, `SOURCE_COLUMN` of several."""
        if not isinstance(expr, ColumnRef):
            return rebuild(expr, self.displayed)
        column = self.find(expr)
        if column is None:
            return expr
        if column.shown is not None:
            return column.shown
        joined = len({one.source for one in self.columns if one.source}) > 1
        return ColumnRef(None, f"{column.source}_{column.name}" if joined else column.name)

    def _unknown_source(self, ref: ColumnRef) -> bool:
        return ref.source is not None and all(column.source != ref.source for column in self.columns)

    def _at(self, ref: ColumnRef) -> str:
        return f"Line: {ref.place.line}, Col: {ref.place.column}: " if ref.place.line else ""
