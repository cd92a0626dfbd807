"""Keys and values of state as bytes. Equal keys give equal bytes; values are rows of plain Python data."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

from ksql_engine.errors import StorageError


def encode_key(key: tuple[Any, ...]) -> bytes:
    """Return the bytes of a key tuple, the same for equal keys."""
    if len(key) == 1 and type(key[0]) is str:
        return b"s" + key[0].encode("utf-8", "surrogatepass")
    return b"t" + repr([_plain(part) for part in key]).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """Return a form whose text is the same for equal values."""
    if isinstance(value, Decimal):
        return ("d", str(value.normalize()))
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def encode_value(value: Any) -> bytes:
    """Return the bytes of a value."""
    return pickle.dumps(value, protocol=5)


def decode_value(data: bytes) -> Any:
    """Return the value of bytes from `encode_value`. Raises StorageError when they are damaged.

    Only the engine's own state folder is read this way: whoever can write there already runs as the engine.
    """
    try:
        return pickle.loads(data)  # noqa: S301 - see above
    except Exception as error:
        raise StorageError(f"The state on disk is damaged: {error}") from error
