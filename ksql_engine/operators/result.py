"""The end of a table query: rows are kept for pull queries and, when cached, passed on once a commit."""

from __future__ import annotations

from contextlib import suppress

from ksql_engine.operators.base import Emit
from ksql_engine.state.store import State, Store
from ksql_engine.types import Row

RESULT = "result"


class TableResult:
    """The current rows of a query's table.

    A deletion passes only if its row was there, or if `every_deletion` (a query without a filter). With `cached`,
    only the last change of each key since the last `flush` passes.
    """

    def __init__(self, emit: Emit, state: State, cached: bool, every_deletion: bool) -> None:
        """Pass changes to `emit` and keep rows in the store RESULT of `state`."""
        self._emit = emit
        self._store: Store = state.store(RESULT)
        self._cached = cached
        self._every_deletion = every_deletion
        self._pending: dict[Row, tuple[Row | None, int]] = {}

    def process(self, key: Row, value: Row | None, time: int) -> None:
        """Take a change in."""
        if not self._cached:
            self._pass_on(key, value, time)
            return
        try:
            self._pending.pop(key, None)
            self._pending[key] = (value, time)
        except TypeError:
            self._pass_on(key, value, time)

    def forget(self, key: Row) -> None:
        """Drop a row that is past its retention; what is pending of it passes first."""
        with suppress(TypeError):  # what cannot be hashed was never held back
            held = self._pending.pop(key, None)
            if held is not None:
                self._pass_on(key, *held)
        self._store.delete(key)

    def flush(self) -> None:
        """Pass on what is pending."""
        pending, self._pending = self._pending, {}
        for key, (value, time) in pending.items():
            self._pass_on(key, value, time)

    def _pass_on(self, key: Row, value: Row | None, time: int) -> None:
        if value is not None:
            self._store.put(key, (key, value, time))
        elif self._store.get(key) is not None:
            self._store.delete(key)
        elif not self._every_deletion:
            return
        self._emit(key, value, time)
