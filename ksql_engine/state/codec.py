"""Keys and values of state as bytes. Equal keys give equal bytes, in the order of the keys; values are plain data."""

from __future__ import annotations

import marshal
import pickle
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from ksql_engine.errors import StorageError

_SIGN: Final = 1 << 63
_END: Final = b"\x00"
# Marshal takes a third of the time of pickle, but plain values alone: others, such as decimals, are pickled. Its
# version 2 is read by all versions of Python, has no references, and begins with a letter, as a pickle never does.
_MARSHAL: Final = 2
_PICKLED: Final = 0x80


def encode_key(key: tuple[Any, ...], prefix: bytes = b"") -> bytes:
    """Return the bytes of a key tuple after `prefix`.

    The bytes of a tuple start with those of each tuple it starts with, and sort like the tuples: nulls first, whole
    numbers (64 bits), doubles, text and bytes by value. Decimals and larger numbers have an order of no meaning.
    """
    if len(key) == 1 and type(key[0]) is str and key[0].isascii() and "\x00" not in key[0]:  # most keys
        return prefix + f"\x07{key[0]}\x00".encode()
    return prefix + b"".join([_ENCODERS[type(part)](part) for part in key])


def _int(value: int) -> bytes:
    if -_SIGN <= value < _SIGN:
        return b"\x03" + (value + _SIGN).to_bytes(8, "big")
    return b"\x04" + str(value).encode() + _END


def _float(value: float) -> bytes:
    bits: int = struct.unpack(">Q", struct.pack(">d", value))[0]
    # Negative numbers sort backwards as bits: all their bits are flipped, of the others only the sign.
    return b"\x05" + (bits ^ (_SIGN * 2 - 1 if bits & _SIGN else _SIGN)).to_bytes(8, "big")


def _escaped(data: bytes) -> bytes:
    """Return text that ends in a zero byte and holds no other that could be taken for its end."""
    return data.replace(b"\x00", b"\x00\xff") + _END


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"\x07" + (data.replace(b"\x00", b"\x00\xff") if b"\x00" in data else data) + _END


def _sequence(value: list[Any] | tuple[Any, ...]) -> bytes:
    return b"\x09" + encode_key(tuple(value)) + _END


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda _: b"\x01",
    bool: lambda value: b"\x02\x01" if value else b"\x02\x00",
    int: _int,
    float: _float,
    Decimal: lambda value: b"\x06" + str(value.normalize()).encode() + _END,
    str: _text,
    bytes: lambda value: b"\x08" + _escaped(value),
    list: _sequence,
    tuple: _sequence,
    dict: lambda value: _sequence([entry for pair in value.items() for entry in pair]),
}


def encode_value(value: Any) -> bytes:
    """Return the bytes of a value."""
    try:
        return marshal.dumps(value, _MARSHAL)
    except ValueError:
        return pickle.dumps(value, protocol=5)


def decode_value(data: bytes) -> Any:
    """Return the value of bytes from `encode_value`. Raises StorageError when they are damaged.

    Only the engine's own state folder is read this way: whoever can write there already runs as the engine.
    """
    try:
        return pickle.loads(data) if data[0] == _PICKLED else marshal.loads(data)  # noqa: S301, S302 - see above
    except Exception as error:
        raise StorageError(f"The state on disk is damaged: {error}") from error
