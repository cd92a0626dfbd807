"""Key-value state of operators: what they need of it, and the form that lives in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
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

    def scan_range(self, start: Key, end: Key) -> list[Any]:
        """Return the values, uncommitted ones too, of start <= key < end in the order of their keys.

        A shorter tuple stands before all that start with it: `(a, 5)` to `(a, 9)` holds `(a, 5, x)` and `(a, 8, x)`.
        """

    def scan_prefix(self, prefix: Key) -> list[Any]:
        """Return the values, uncommitted ones too, of all keys that start with `prefix`, in the order of their keys."""


class State(Protocol):
    """All state of one query, with the input offsets that it includes."""

    def store(self, name: str) -> Store:
        """Return the store called `name`."""


class SortedKeys:
    """A set of encoded keys in order, `built` when a range is first asked for: most stores never are."""

    def __init__(self) -> None:
        """Start empty."""
        self.built = False
        self._keys: list[bytes] = []

    def range(self, held: Iterable[bytes], start: bytes, end: bytes) -> list[bytes]:
        """Return the keys of `held` in start <= key < end; `held` is what `add` and `remove` told of."""
        if not self.built:
            self._keys = sorted(held)
            self.built = True
        return self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]

    def add(self, key: bytes) -> None:
        """Take a key in that is not there."""
        if self.built:
            insort(self._keys, key)

    def remove(self, key: bytes) -> None:
        """Take a key out that is there."""
        if self.built:
            del self._keys[bisect_left(self._keys, key)]

    def clear(self) -> None:
        """Forget all keys."""
        self.built = False
        self._keys = []


def after_prefix(prefix: Key) -> bytes:
    """Return the bytes that stand after all keys that start with `prefix`."""
    return encode_key(prefix) + b"\xff"


class MemoryStore:
    """A store that forgets everything with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._held: dict[bytes, Any] = {}
        self._sorted = SortedKeys()

    def get(self, key: Key) -> Any:
        """Return the value, or None."""
        return self._held.get(encode_key(key))

    def put(self, key: Key, value: Any) -> None:
        """Set the value."""
        data = encode_key(key)
        if data not in self._held:
            self._sorted.add(data)
        self._held[data] = value

    def delete(self, key: Key) -> None:
        """Remove the key if it is there."""
        data = encode_key(key)
        if self._held.pop(data, None) is not None:
            self._sorted.remove(data)

    def scan(self) -> Iterator[Any]:
        """Yield all values."""
        yield from list(self._held.values())

    def scan_range(self, start: Key, end: Key) -> list[Any]:
        """Return the values of start <= key < end in the order of their keys."""
        return self._between(encode_key(start), encode_key(end))

    def scan_prefix(self, prefix: Key) -> list[Any]:
        """Return the values of all keys that start with `prefix`, in the order of their keys."""
        return self._between(encode_key(prefix), after_prefix(prefix))

    def _between(self, start: bytes, end: bytes) -> list[Any]:
        return [self._held[key] for key in self._sorted.range(self._held, start, end)]


class MemoryState:
    """State of a query that forgets everything with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._stores: dict[str, MemoryStore] = {}

    def store(self, name: str) -> Store:
        """Return the store called `name`."""
        return self._stores.setdefault(name, MemoryStore())
