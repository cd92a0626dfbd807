"""Which partition a record goes to, as the Java producers of Kafka choose it."""

from __future__ import annotations


def partition_of(data: bytes, count: int) -> int:
    """Return the partition of a key among `count`."""
    return (_murmur2(data) & 0x7FFFFFFF) % count


def _murmur2(data: bytes) -> int:
    """Return the hash by which Kafka's producers choose a partition."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    found = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for place in range(0, whole, 4):
        part = int.from_bytes(data[place : place + 4], "little") * factor & mask
        part = (part ^ part >> 24) * factor & mask
        found = (found * factor & mask) ^ part
    if whole < len(data):
        found = (found ^ int.from_bytes(data[whole:], "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return found ^ found >> 15
