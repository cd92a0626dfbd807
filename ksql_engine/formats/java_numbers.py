"""Numbers from text as Java's own parsers read them: no spaces or underscores that Python would let pass."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from ksql_engine.errors import DeserializationError

_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DOUBLE: Final = re.compile(rf"({_NUMBER.pattern})[fFdD]?")
_NAMED: Final = re.compile(r"([+-]?)(NaN|Infinity)")


def whole_of(text: str, bits: int) -> int:
    """Return a signed integer of `bits` bits and a sign. Raises DeserializationError."""
    if _WHOLE.fullmatch(text) is None or len(text) > 40:
        raise DeserializationError(f'For input string: "{text}"')
    number = int(text)
    if not -(2**bits) <= number < 2**bits:
        raise DeserializationError(f'For input string: "{text}"')
    return number


def double_of(text: str) -> float:
    """Return a double; NaN and Infinity by these names. Raises DeserializationError."""
    stripped = text.strip()
    plain = _DOUBLE.fullmatch(stripped)
    if plain is not None:
        return float(plain.group(1))
    named = _NAMED.fullmatch(stripped)
    if named is None:
        raise DeserializationError(f'For input string: "{text}"')
    return float(named.group(1) + named.group(2).lower())


def decimal_of(text: str) -> Decimal:
    """Return an exact decimal. Raises DeserializationError."""
    problem = DeserializationError(f"'{text}' is no decimal number")
    if _NUMBER.fullmatch(text) is None:
        raise problem
    try:
        return Decimal(text)
    except InvalidOperation:
        raise problem from None
