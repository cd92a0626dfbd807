"""The sources, queries and types that exist. Not safe for threads: its owner holds a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ksql_engine.errors import StatementError
from ksql_engine.plan.model import Source
from ksql_engine.types import SqlType


@dataclass(frozen=True)
class QueryInfo:
    """A persistent query: who it reads, whom it writes, its statement, and the properties it runs with."""

    query_id: str
    sources: tuple[str, ...]
    sink: str
    statement: str
    properties: Mapping[str, str] = field(default_factory=dict)


class Metastore:
    """What statements refer to, by name."""

    def __init__(self) -> None:
        """Start empty."""
        self.sources: dict[str, Source] = {}
        self.queries: dict[str, QueryInfo] = {}
        self.types: dict[str, SqlType] = {}

    def source(self, name: str) -> Source:
        """Return a source. Raises StatementError when there is none."""
        found = self.sources.get(name)
        if found is None:
            raise StatementError(f"{name} does not exist.{self.hint(name)}")
        return found

    def hint(self, name: str) -> str:
        """Return a line that names the source which is called the same but for upper and lower case, or nothing."""
        alike = sorted(other for other in self.sources if other.upper() == name.upper() and other != name)
        if not alike:
            return ""
        return f'\nDid you mean "{alike[0]}"? Hint: wrap the source name in double quotes to make it case-sensitive.'

    def readers(self, name: str) -> list[str]:
        """Return the ids of the queries that read `name`."""
        return sorted(info.query_id for info in self.queries.values() if name in info.sources)

    def writers(self, name: str) -> list[str]:
        """Return the ids of the queries that write `name`."""
        return sorted(info.query_id for info in self.queries.values() if info.sink == name)
