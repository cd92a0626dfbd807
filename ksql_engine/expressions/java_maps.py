"""The order in which a Java HashMap visits its keys: what is seen wherever a map becomes a list or a text."""

from __future__ import annotations

from typing import Any


def visited(held: dict[Any, Any]) -> list[Any]:
    """Return the keys of `held` in the order of a HashMap that was made as large as they need."""
    if len(held) < 2:
        return list(held)
    size = 1 << (len(held) - 1).bit_length()
    if len(held) > size * 0.75:
        size *= 2
    return sorted(held, key=lambda key: _hash(key) & (size - 1))


def _hash(key: Any) -> int:
    """Return Java's spread hash code: of text by its UTF-16 units, of numbers and truth values by value."""
    if isinstance(key, str):
        code = 0
        for unit in key if key.isascii() else _units(key):
            code = (31 * code + (ord(unit) if isinstance(unit, str) else unit)) & 0xFFFFFFFF
    elif isinstance(key, bool):
        code = 1231 if key else 1237
    elif isinstance(key, int):
        code = key & 0xFFFFFFFF if -(2**31) <= key < 2**31 else (key ^ (key & (2**64 - 1)) >> 32) & 0xFFFFFFFF
    else:
        code = hash(key) & 0xFFFFFFFF
    return code ^ code >> 16


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [data[place] << 8 | data[place + 1] for place in range(0, len(data), 2)]
