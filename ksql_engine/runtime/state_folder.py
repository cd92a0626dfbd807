"""Where the state of each query lies on disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rocksdict import Cache

from ksql_engine.errors import StorageError
from ksql_engine.state.rocks import RocksState, shared_cache

_LOCKED: Final = "lock"
_LOCK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.05


class StateFolder:
    """A folder with one database for each query; the databases one process opens share a cache of blocks."""

    def __init__(self, state_dir: Path) -> None:
        """Use the state folder of an engine."""
        self._folder = state_dir / "queries"
        self._cache: Cache = shared_cache()

    def _path(self, query_id: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "_-" else f"%{ord(c):x}" for c in query_id)
        return self._folder / safe

    def open(self, query_id: str) -> RocksState:
        """Open the state of a query, made if it is absent. Raises StorageError.

        A process that was just killed may hold it for a moment longer: that is waited for.
        """
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                return RocksState(self._path(query_id), self._cache)
            except StorageError as error:
                if _LOCKED not in str(error).lower() or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def holds(self, query_id: str) -> bool:
        """Tell whether there is state of a query."""
        return self._path(query_id).exists()

    def remove(self, query_id: str) -> None:
        """Remove the state of a query that is closed."""
        shutil.rmtree(self._path(query_id), ignore_errors=True)

    def remove_all_but(self, query_ids: Collection[str]) -> None:
        """Remove what other queries left: a crash can come between a command's log entry and the removal."""
        known = {self._path(query_id) for query_id in query_ids}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path not in known:
                shutil.rmtree(path, ignore_errors=True)
