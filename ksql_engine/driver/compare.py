"""Whether a record's part is what a case expects, and where it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ksql_engine.types import SqlType

_TOLERANCE: Final = 1e-6
_WHOLE: Final = ("INTEGER", "BIGINT")


def difference(found: Any, expected: Any, kind: SqlType | None = None, place: str = "") -> str | None:
    """Return the first difference as text, or None; `kind` is the declared type, where it is known.

    Whole numbers and DECIMALs (with their scale) are compared exactly, DOUBLEs to six digits. The fields of structs may
    be expected in any case; one that is not there is null, but there must be as many.
    """
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return _objects(found, expected, kind, place)
    if isinstance(expected, list) and isinstance(found, list):
        return _arrays(found, expected, kind, place)
    if isinstance(found, Decimal) and isinstance(expected, str):
        same = _same_decimal(found, expected)
    elif is_number(expected) and is_number(found):
        same = _same_number(found, expected, kind)
    else:
        same = type(found) is type(expected) and found == expected
    return None if same else f"{place or 'it'} is {found!r}, expected {expected!r}"


def is_number(value: Any) -> bool:
    """Tell whether a decoded JSON value is a number."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _same_number(found: Any, expected: Any, kind: SqlType | None) -> bool:
    base = kind.base if kind else ""
    if base in _WHOLE and not isinstance(found, int):
        return False
    if base == "DECIMAL" and isinstance(expected, Decimal) and isinstance(found, Decimal):
        return found == expected and found.as_tuple().exponent == expected.as_tuple().exponent
    if isinstance(found, int) and isinstance(expected, int):
        return found == expected
    left, right = float(found), float(expected)
    return found == expected or (math.isnan(left) and math.isnan(right)) or abs(left - right) <= _TOLERANCE


def _same_decimal(found: Decimal, expected: str) -> bool:
    """Tell whether a decimal is the one that a case gives as text, with as many digits after the point."""
    try:
        wanted = Decimal(expected)
    except InvalidOperation:
        return False
    return found == wanted and found.as_tuple().exponent == wanted.as_tuple().exponent


def _objects(found: Mapping[str, Any], expected: Mapping[str, Any], kind: SqlType | None, place: str) -> str | None:
    """Compare field by field; one that is expected to be null may be missing, as JSON reads it."""
    if len(found) != len(expected):
        return f"{place or 'it'} has the fields {', '.join(found)}, expected {', '.join(expected)}"
    types = dict(kind.fields) if kind else {}
    for name, wanted in expected.items():
        known = name if name in found else name.upper()
        inner = kind.item if kind and kind.base == "MAP" else types.get(known)
        problem = difference(found.get(known), wanted, inner, f"{place}.{known}".lstrip("."))
        if problem:
            return problem
    return None


def _arrays(found: list[Any], expected: list[Any], kind: SqlType | None, place: str) -> str | None:
    if len(found) != len(expected):
        return f"{place or 'it'} is {found!r}, expected {expected!r}"
    item = kind.item if kind else None
    for number, (one, wanted) in enumerate(zip(found, expected, strict=True)):
        problem = difference(one, wanted, item, f"{place}[{number}]")
        if problem:
            return problem
    return None
