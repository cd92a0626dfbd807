"""What a format is: bytes to a row of declared columns, and a row to bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ksql_engine.plan.model import Column, FormatSpec
from ksql_engine.types import Row

Reader = Callable[[bytes], "Row | None"]
"""Bytes to a row; None is a null value. Raises DeserializationError, or RegistryUnavailableError (try again)."""

Writer = Callable[[Row], "bytes | None"]
"""A row to bytes. Raises SerializationError."""


@dataclass(frozen=True)
class RegisteredSchema:
    """A parsed schema with its id."""

    schema_id: int
    schema: Any


class SchemaRegistry(Protocol):
    """What formats ask of a schema registry. Every method may raise RegistryUnavailableError."""

    def schema_by_id(self, schema_id: int) -> Any:
        """Return a parsed Avro schema. Raises SchemaNotFoundError when there is none with this id."""

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest schema of a subject, or None."""

    def register(self, subject: str, schema: dict[str, Any] | str) -> int:
        """Register a schema (again) and return its id. Raises StatementError when it is refused."""


class Formats(Protocol):
    """Makes readers and writers for a source's keys and values."""

    def reader(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool) -> Reader:
        """Return the reader of `columns` in a format."""

    def writer(self, spec: FormatSpec, columns: Sequence[Column], is_key: bool, subject: str, name: str) -> Writer:
        """Return the writer of `columns`; `subject` and `name` are for formats that register a schema."""
