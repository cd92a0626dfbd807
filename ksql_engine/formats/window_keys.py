"""Keys of windowed topics as Kafka Streams writes them: the serialised key, then the window's bounds in 8 bytes each.

In a row the bounds are the last two parts of the key, start then end, in ms since the epoch. A time window's bytes
carry the start alone, its size is known; a session's carry the end, then the start.
"""

from __future__ import annotations

import struct

from ksql_engine.errors import DeserializationError
from ksql_engine.formats.base import Reader, Writer
from ksql_engine.plan.model import WindowInfo
from ksql_engine.types import Row

BOUNDS = 2
_START = struct.Struct(">q")
_SESSION = struct.Struct(">qq")


def bounds_size(window: WindowInfo) -> int:
    """Return how many bytes at the end of a key are its window's bounds."""
    return _SESSION.size if window.size is None else _START.size


def windowed_reader(read: Reader, window: WindowInfo) -> Reader:
    """Return the reader of windowed keys around the reader of plain ones."""
    size, suffix = window.size, bounds_size(window)

    def read_windowed(data: bytes) -> Row:
        if len(data) < suffix:
            raise DeserializationError(f"A windowed key has at least {suffix} bytes, not {len(data)}")
        plain, bounds = data[:-suffix], data[-suffix:]
        if size is None:
            end, start = _SESSION.unpack(bounds)
        else:
            (start,) = _START.unpack(bounds)
            end = start + size
        return (*(read(plain) or ()), start, end)

    return read_windowed


def windowed_writer(write: Writer, window: WindowInfo) -> Writer:
    """Return the writer of windowed keys around the writer of plain ones."""
    session = window.size is None

    def write_windowed(row: Row) -> bytes:
        start, end = row[-BOUNDS:]
        plain = write(row[:-BOUNDS]) or b""
        return plain + (_SESSION.pack(end, start) if session else _START.pack(start))

    return write_windowed
