"""State on disk: one RocksDB per query. A commit writes all changes and the input offsets in one atomic batch."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from ksql_engine.errors import StateMismatchError, StorageError
from ksql_engine.state.codec import decode_value, encode_key, encode_value
from ksql_engine.state.recent import UNKNOWN, Change, Recent
from ksql_engine.state.store import Key, SortedKeys, Store, after_prefix

Offsets = dict[tuple[str, int], int]
"""(topic, partition) to the next offset to read."""

_OFFSETS: Final = b"\x00offsets"
_PREPARED: Final = b"\x00prepared"
_FORMAT: Final = b"\x00format"
_CURRENT_FORMAT: Final = b"4"
_DELETED: Final = object()
_SCAN_ENTRIES: Final = 500
# A table of this size takes more time to fill than a smaller one, and far less is merged in the background.
_MEMTABLE_BYTES: Final = 8 * 1024 * 1024
_LEVELS: Final = 7


class RocksState:
    """All state of one query in a folder; used by the query's thread, scanned by others.

    Every method may raise StorageError.
    """

    def __init__(self, folder: Path, cache: Cache) -> None:
        """Open the folder, made if it is absent; `cache` holds blocks of all queries together.

        Raises StateMismatchError when another version of the engine has written it.
        """
        self._folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(folder), _options(cache))
        except Exception as error:
            raise StorageError(f"Cannot open the state in {folder}: {error}") from error
        self._check_format()
        # The database refuses to be read by one thread while another writes; the query's own thread does either.
        self._lock = threading.Lock()
        self._stores: dict[str, RocksStore] = {}
        self._prepared: list[Change] | None = None
        self._has_prepared = self._db.get(_PREPARED) is not None

    def _check_format(self) -> None:
        """Raise StateMismatchError for state whose keys this version would not find."""
        if self._db.get(_OFFSETS) is not None and self._db.get(_FORMAT) != _CURRENT_FORMAT:
            self._db.close()
            raise StateMismatchError(
                f"The state in {self._folder} was written by another version of the engine. "
                f"Run `make clear` (it removes topics and state together) and start again."
            )

    def store(self, name: str) -> Store:
        """Return the store called `name`."""
        if name not in self._stores:
            self._stores[name] = RocksStore(self._db, name.encode() + b"\x00", self._lock)
        return self._stores[name]

    def offsets(self) -> Offsets:
        """Return the offsets of the last commit, empty before the first."""
        with self._lock:
            data = self._db.get(_OFFSETS)
        held: Offsets = decode_value(data) if data is not None else {}
        return held

    @property
    def keeps_stores(self) -> bool:
        """Whether there is more than offsets to keep: stores that were asked for."""
        return bool(self._stores)

    @property
    def uncommitted(self) -> int:
        """How many keys have changed since the last commit."""
        return sum(store.uncommitted for store in self._stores.values())

    def prepare(self, offsets: Offsets) -> None:
        """Write all changes since the last commit aside, with `offsets`; then comes `commit`, or `settle` at last."""
        self._prepared = list(self._changes())
        self._has_prepared = True
        try:
            with self._lock:
                self._db[_PREPARED] = encode_value((offsets, self._prepared))
        except Exception as error:
            raise StorageError(f"Cannot write the state in {self._folder}: {error}") from error

    def settle(self, committed: Offsets) -> bool:
        """Commit what was prepared if `committed` holds its offsets, and tell so; nothing may have changed since."""
        data = self._db.get(_PREPARED) if self._has_prepared else None
        if data is None:
            return False
        offsets, changes = decode_value(data)
        if any(committed.get(place) != offset for place, offset in offsets.items()):
            return False
        self._write(changes, offsets)
        for store in self._stores.values():
            store.forget()
        return True

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Write all changes since the last commit together with `offsets`, all or nothing."""
        self._write(self._changes() if self._prepared is None else self._prepared, offsets)
        self._prepared = None
        for store in self._stores.values():
            store.committed()

    def _changes(self) -> Iterator[Change]:
        return chain.from_iterable(store.changes() for store in self._stores.values())

    def _write(self, changes: Iterable[Change], offsets: Mapping[tuple[str, int], int]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, data in changes:
            if data is None:
                batch.delete(key)
            else:
                batch.put(key, data)
        if self._has_prepared:
            batch.delete(_PREPARED)
        batch.put(_OFFSETS, encode_value(dict(offsets)))
        batch.put(_FORMAT, _CURRENT_FORMAT)
        try:
            with self._lock:
                self._db.write(batch)
        except Exception as error:
            raise StorageError(f"Cannot write the state in {self._folder}: {error}") from error
        self._has_prepared = False

    def roll_back(self) -> None:
        """Forget all changes since the last commit; what is prepared stays on disk."""
        self._prepared = None
        for store in self._stores.values():
            store.roll_back()

    def close(self) -> None:
        """Close the database; it stays on disk."""
        with self._lock:
            self._db.close()

    def destroy(self) -> None:
        """Close the database and remove its folder."""
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class RocksStore:
    """One named part of a query's database: changes are held in memory until the commit.

    Keys carry the store's prefix.
    """

    def __init__(self, db: Rdict, prefix: bytes, lock: threading.Lock) -> None:
        """Use the keys of `db` that start with `prefix`; `lock` keeps readers in other threads from a commit."""
        self._db = db
        self._lock = lock
        self._prefix = prefix
        self._changed: dict[bytes, Any] = {}
        self._recent = Recent()
        self._written: list[Change] = []
        self._sorted = SortedKeys()
        self._last_key: Key = ()
        self._last_data = prefix

    def get(self, key: Key) -> Any:
        """Return the value, or None."""
        data = self._encoded(key)
        found = self._changed.get(data)
        if found is None:
            return self._read(data)
        return None if found is _DELETED else found

    def _read(self, data: bytes) -> Any:
        stored = self._recent.get(data)
        if stored is UNKNOWN:
            stored = self._db.get(data)
            if stored is not None:
                self._recent.add(data, stored)
        return None if stored is None else decode_value(stored)

    def put(self, key: Key, value: Any) -> None:
        """Set the value, from the next commit on for good."""
        data = self._encoded(key)
        if self._sorted.built and data not in self._changed:
            self._sorted.add(data)
        self._changed[data] = value

    def delete(self, key: Key) -> None:
        """Remove the key if it is there."""
        self.put(key, _DELETED)

    def _encoded(self, key: Key) -> bytes:
        """Return a key's bytes; what was read is often what is written next."""
        if key is not self._last_key:
            self._last_key, self._last_data = key, encode_key(key, self._prefix)
        return self._last_data

    def scan(self) -> Iterator[Any]:
        """Yield all committed values in the order of their keys' bytes; for readers in any thread."""
        return self._committed_from(self._prefix, self._prefix[:-1] + b"\x01")

    def scan_range(self, start: Key, end: Key) -> list[Any]:
        """Return the values, uncommitted ones too, of start <= key < end in the order of their keys."""
        return self._between(encode_key(start, self._prefix), encode_key(end, self._prefix))

    def scan_prefix(self, prefix: Key) -> list[Any]:
        """Return the values, uncommitted ones too, of all keys that start with `prefix`, in the order of their keys."""
        return self._between(encode_key(prefix, self._prefix), self._prefix + after_prefix(prefix))

    def _between(self, start: bytes, end: bytes) -> list[Any]:
        found: dict[bytes, Any] = {}
        for key, value in self._db.items(from_key=start, read_opt=_before(end)):
            if key not in self._changed:
                found[bytes(key)] = decode_value(value)  # type: ignore[arg-type]  # raw mode has bytes only
        for data in self._sorted.range(self._changed, start, end):
            if self._changed[data] is not _DELETED:
                found[data] = self._changed[data]
        return [found[data] for data in sorted(found)]

    def committed_value(self, key: Key) -> Any:
        """Return the committed value, or None; for readers in other threads."""
        with self._lock:
            stored = self._db.get(self._prefix + encode_key(key))
        return None if stored is None else decode_value(stored)

    def committed_prefix(self, prefix: Key) -> Iterator[Any]:
        """Yield the committed values of all keys that start with `prefix`; for readers in other threads."""
        return self._committed_from(self._prefix + encode_key(prefix), self._prefix + after_prefix(prefix))

    def _committed_from(self, start: bytes, end: bytes) -> Iterator[Any]:
        """Yield values of start <= key < end, some at a time: a commit may come between."""
        bounded = _before(end)
        while True:
            with self._lock:
                found = list(islice(self._db.items(from_key=start, read_opt=bounded), _SCAN_ENTRIES))
            for _, value in found:
                yield decode_value(value)
            if len(found) < _SCAN_ENTRIES:
                return
            start = bytes(found[-1][0]) + b"\x00"  # type: ignore[arg-type]  # raw mode has bytes only

    @property
    def uncommitted(self) -> int:
        """How many keys have changed since the last commit."""
        return len(self._changed)

    def changes(self) -> list[Change]:
        """Return all changes since the last commit in the order of their keys, which is how memory takes them best."""
        changed = self._changed
        self._written = [
            (key, None if (value := changed[key]) is _DELETED else encode_value(value)) for key in sorted(changed)
        ]
        return self._written

    def committed(self) -> None:
        """Take the changes as written."""
        self._recent.update(self._written)
        self.roll_back()

    def forget(self) -> None:
        """Forget the changes, and what was read: the database was written to past this store."""
        self._recent.clear()
        self.roll_back()

    def roll_back(self) -> None:
        """Forget the changes."""
        self._changed, self._written = {}, []
        self._sorted.clear()


def shared_cache() -> Cache:
    """Return the block cache that all queries share."""
    return Cache(32 * 1024 * 1024)


def _before(end: bytes) -> ReadOptions:
    """Return options of a search up to `end`: it does not run over all that was deleted from there to the next key.

    They must be held as long as the search goes on.
    """
    options = ReadOptions()
    options.set_iterate_upper_bound(end)
    return options


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_MEMTABLE_BYTES)
    options.set_max_write_buffer_number(2)
    # Most keys that are looked for in vain are new: a filter of each table, in memory or on disk, says so at once.
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    options.set_arena_block_size(64 * 1024)
    options.set_max_open_files(64)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    # What was just written is soon merged or read again, so the upper two levels are left as they are.
    options.set_compression_per_level([DBCompressionType.none()] * 2 + [DBCompressionType.lz4()] * (_LEVELS - 2))
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(10, False)
    blocks.set_cache_index_and_filter_blocks(False)
    options.set_block_based_table_factory(blocks)
    return options
