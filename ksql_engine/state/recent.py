"""Values lately read or written, as bytes, so that keys that come again are not looked for on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from weakref import WeakSet

Change = tuple[bytes, "bytes | None"]
"""A key's bytes, and those of its new value, None when it is deleted."""

UNKNOWN: Final = b"\x00unknown"
"""Stands for a value that only the database knows; compared by identity."""

_ALL_BYTES: Final = 32 * 1024 * 1024
_LEAST_BYTES: Final = 1024 * 1024
_ENTRY_BYTES: Final = 160  # two objects of bytes and their place in a dict
_SAMPLE: Final = 32
_WORTH: Final = 8
_PAUSE: Final = 16
_holders: Final[WeakSet[Recent]] = WeakSet()


class Recent:
    """The values of one store; all of a process share `_ALL_BYTES`.

    There are two generations: when the young one has taken half of the store's share, the old one is dropped and the
    young one becomes the old. A store in which less than one read in `_WORTH` finds something by then, such as one
    with a row for each order, keeps nothing for the next `_PAUSE` generations.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._young: dict[bytes, bytes | None] = {}
        self._old: dict[bytes, bytes | None] = {}
        self._asked = self._missed = 0
        self._paused = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None for a key that was deleted, or UNKNOWN."""
        self._asked += 1
        found = self._young.get(key, UNKNOWN)
        if found is UNKNOWN:
            found = self._old.get(key, UNKNOWN)
            if found is UNKNOWN:
                self._missed += 1
        return found

    def add(self, key: bytes, data: bytes) -> None:
        """Take in what the database gave."""
        if self._paused <= 0:
            self._young[key] = data

    def update(self, changes: Sequence[Change]) -> None:
        """Take in what was written."""
        if not changes:
            return
        if self._paused > 0:
            self._paused -= len(changes)
            return
        self._young.update(changes)
        _holders.add(self)
        if len(self._young) > (room := self._room(changes[:_SAMPLE])):
            self._turn(room)

    def _room(self, sample: Sequence[Change]) -> int:
        """Return how many entries like these a generation may have."""
        size = sum(len(key) + len(data or b"") for key, data in sample) // len(sample)
        share = max(_ALL_BYTES // len(_holders), _LEAST_BYTES)
        return share // 2 // (size + _ENTRY_BYTES)

    def _turn(self, room: int) -> None:
        if (self._asked - self._missed) * _WORTH <= self._asked:
            self.clear()
            self._paused = room * _PAUSE
        else:
            self._old, self._young = self._young, {}
        self._asked = self._missed = 0

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}
        _holders.discard(self)
