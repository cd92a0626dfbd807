"""A set of values in bounded space that knows about how many there are: exact while small, then HyperLogLog.

Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm" (2007): each of 2^12
registers keeps the greatest number of leading zeros (plus one) among the hashes that fall to it; error about 1.6 %.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Any, Final

from ksql_engine.state.codec import encode_key

Distinct = frozenset[int] | bytes
"""The hashes themselves, or one byte for each register."""

EMPTY: Final[Distinct] = frozenset()
_EXACT: Final = 512
_BITS: Final = 12
_REGISTERS: Final = 1 << _BITS
_REST: Final = 64 - _BITS
_ALPHA: Final = 0.7213 / (1 + 1.079 / _REGISTERS)


def value_hash(value: Any) -> int:
    """Return 64 bits that are the same for equal values, in every process."""
    return int.from_bytes(blake2b(encode_key((value,)), digest_size=8).digest(), "big")


def add_hash(state: Distinct, found: int) -> Distinct:
    """Return the set with a value's hash in it."""
    if isinstance(state, frozenset):
        if found in state:
            return state
        grown = state | {found}
        return grown if len(grown) <= _EXACT else _registers(grown)
    place, rank = _place(found)
    return state if state[place] >= rank else state[:place] + bytes((rank,)) + state[place + 1 :]


def join(one: Distinct, other: Distinct) -> Distinct:
    """Return the set of all values of both."""
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        both = one | other
        return both if len(both) <= _EXACT else _registers(both)
    left, right = (_registers(side) if isinstance(side, frozenset) else side for side in (one, other))
    return bytes(map(max, left, right))


def estimate(state: Distinct) -> int:
    """Return about how many values a set has."""
    if isinstance(state, frozenset):
        return len(state)
    raw = _ALPHA * _REGISTERS * _REGISTERS / sum(2.0**-rank for rank in state)
    empty = state.count(0)
    return round(_REGISTERS * math.log(_REGISTERS / empty)) if raw <= 2.5 * _REGISTERS and empty else round(raw)


def _registers(hashes: frozenset[int]) -> bytes:
    made = bytearray(_REGISTERS)
    for found in hashes:
        place, rank = _place(found)
        made[place] = max(made[place], rank)
    return bytes(made)


def _place(found: int) -> tuple[int, int]:
    """Return a hash's register and its rank there."""
    rest = found & ((1 << _REST) - 1)
    return found >> _REST, _REST - rest.bit_length() + 1
