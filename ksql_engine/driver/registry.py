"""A schema registry of one process, for runs without services."""

from __future__ import annotations

import json
from typing import Any

from ksql_engine.errors import SchemaNotFoundError
from ksql_engine.formats.base import RegisteredSchema


class MemoryRegistry:
    """Schemas by id and by subject."""

    def __init__(self) -> None:
        """Start empty."""
        self._schemas: dict[int, Any] = {}
        self._subjects: dict[str, list[int]] = {}

    def schema_by_id(self, schema_id: int) -> Any:
        """Return a schema. Raises SchemaNotFoundError."""
        if schema_id not in self._schemas:
            raise SchemaNotFoundError(f"Schema {schema_id} not found")
        return self._schemas[schema_id]

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest schema of a subject, or None."""
        ids = self._subjects.get(subject)
        return RegisteredSchema(ids[-1], self._schemas[ids[-1]]) if ids else None

    def ids(self, subject: str) -> list[int]:
        """Return the ids of a subject's schemas, the oldest first."""
        return list(self._subjects.get(subject, ()))

    def register(self, subject: str, schema: dict[str, Any] | str, schema_id: int | None = None) -> int:
        """Keep a schema and return its id; an equal one has the same id, unless `schema_id` gives it one."""
        plain = json.loads(json.dumps(schema))
        known = next((one for one, held in self._schemas.items() if held == plain), None)
        made = schema_id or known or max(self._schemas, default=0) + 1
        self._schemas[made] = plain
        ids = self._subjects.setdefault(subject, [])
        if not ids or ids[-1] != made:
            ids.append(made)
        return made

    def delete(self, subject: str) -> None:
        """Delete a subject if it is there."""
        self._subjects.pop(subject, None)
