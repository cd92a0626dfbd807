"""Key-value state of operators: what they need of it, and the form that lives in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ksql_engine.state.codec import encode_key

Key = tuple[Any, ...]


class Store(Protocol):
    """One named table of state: key tuple to a row of plain data, never None."""

    def get(self, key: Key) -> Any:
        """Return the value, or None."""

    def put(self, key: Key, value: Any) -> None:
        """Set the value, from the next commit on for good."""

    def delete(self, key: Key) -> None:
        """Remove the key if it is there."""

    def scan(self) -> Iterator[Any]:
        """Yield all committed values, in no order that means anything."""


class State(Protocol):
    """All state of one query, with the input offsets that it includes."""

    def store(self, name: str) -> Store:
        """Return the store called `name`."""


class MemoryStore:
    """A store that forgets everything with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._held: dict[bytes, Any] = {}

    def get(self, key: Key) -> Any:
        """Return the value, or None."""
        return self._held.get(encode_key(key))

    def put(self, key: Key, value: Any) -> None:
        """Set the value."""
        self._held[encode_key(key)] = value

    def delete(self, key: Key) -> None:
        """Remove the key if it is there."""
        self._held.pop(encode_key(key), None)

    def scan(self) -> Iterator[Any]:
        """Yield all values."""
        yield from list(self._held.values())


class MemoryState:
    """State of a query that forgets everything with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._stores: dict[str, MemoryStore] = {}

    def store(self, name: str) -> Store:
        """Return the store called `name`."""
        return self._stores.setdefault(name, MemoryStore())
