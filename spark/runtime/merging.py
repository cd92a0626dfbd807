"""When a merge replaces a row that is there: one rule, said once for SQL and once for Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class UpdateRule(Protocol):
    """Whether the new row replaces the old one of the same key."""

    def sql(self) -> str:
        """The rule over the rows `s` (new) and `t` (old)."""

    def holds(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
        """The rule over two rows."""


@dataclass(frozen=True)
class Newer:
    """The new row stands at a higher `position`."""

    position: str

    def sql(self) -> str:
        """See UpdateRule."""
        return f"s.{self.position} > t.{self.position}"

    def holds(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
        """See UpdateRule."""
        return bool(new[self.position] > old[self.position])


@dataclass(frozen=True)
class Differs:
    """The rows differ in one of `columns`."""

    columns: tuple[str, ...]

    def sql(self) -> str:
        """See UpdateRule."""
        return f"NOT ({' AND '.join(f't.{name} <=> s.{name}' for name in self.columns)})"

    def holds(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
        """See UpdateRule."""
        return any(new[name] != old[name] for name in self.columns)
