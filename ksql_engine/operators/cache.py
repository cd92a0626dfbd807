"""De-duplication: of several changes of a key between two commits only the last goes on, as in Kafka Streams' cache."""

from __future__ import annotations

from ksql_engine.operators.base import Emit
from ksql_engine.types import Row


class Cache:
    """Holds back changes until `flush`: the last of each key, in the order of these last changes."""

    def __init__(self, emit: Emit) -> None:
        """Pass changes to `emit`."""
        self._emit = emit
        self._pending: dict[Row, tuple[Row | None, int]] = {}

    def process(self, key: Row, value: Row | None, time: int) -> None:
        """Take a change in; one whose key cannot be compared with others goes on at once."""
        try:
            self._pending.pop(key, None)
            self._pending[key] = (value, time)
        except TypeError:
            self._emit(key, value, time)

    def release(self, key: Row) -> None:
        """Pass on what is pending of one key."""
        try:
            held = self._pending.pop(key, None)
        except TypeError:
            return
        if held is not None:
            self._emit(key, *held)

    def flush(self) -> None:
        """Pass on what is pending."""
        pending, self._pending = self._pending, {}
        emit = self._emit
        for key, (value, time) in pending.items():
            emit(key, value, time)
