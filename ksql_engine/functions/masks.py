"""Masking: letters, digits and other characters replaced (ksqlDB reference, "MASK")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from unicodedata import category

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import STRING, function
from ksql_engine.functions.signature import Overload, ScalarFunction, parse_signature

_DEFAULTS: Final[tuple[str | None, ...]] = ("X", "x", "n", "-")
_MASKS: Final = "STRING mask_upper, STRING mask_lower, STRING mask_digit, STRING mask_other"


def _masked(text: str, masks: tuple[str | None, ...]) -> str:
    """Replace characters by their kind; a null mask keeps its kind. Raises EvaluationError for a longer mask."""
    by_kind = dict(zip(("Lu", "Ll", "Nd", "other"), masks or _DEFAULTS, strict=True))
    for mask in by_kind.values():
        if mask is not None and len(mask) != 1:
            raise EvaluationError(f"Invalid mask character. Must be only single character, but was '{mask}'")
    other = by_kind["other"]
    return "".join([char if (mask := by_kind.get(category(char), other)) is None else mask for char in text])


def _mask(text: str | None, *masks: str | None) -> str | None:
    return None if text is None else _masked(text, masks)


def _part(cut: Callable[[int, int], int], masked_first: bool) -> Callable[..., str | None]:
    """Return the function that masks one side of the text; `cut` says where the sides meet."""

    def call(text: str | None, count: int | None, *masks: str | None) -> str | None:
        if text is None or count is None:
            return None
        if count < 0:
            raise EvaluationError("a non-negative number of characters to mask or skip is required")
        at = min(max(cut(len(text), count), 0), len(text))
        left, right = text[:at], text[at:]
        return _masked(left, masks) + right if masked_first else left + _masked(right, masks)

    return call


def _overloads(first: str, call: Callable[..., str | None]) -> tuple[Overload, ...]:
    return (
        Overload(parse_signature(f"{first} -> STRING"), call, nulls=True),
        Overload(parse_signature(f"{first}, {_MASKS} -> STRING"), call, nulls=True),
    )


_COUNTED: Final = "STRING input, INTEGER num_chars"

FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "mask", "Letters as X and x, digits as n, others as -.", *_overloads("STRING input", _mask), category=STRING
    ),
    function(
        "mask_left",
        "The first characters masked.",
        *_overloads(_COUNTED, _part(lambda length, count: count, masked_first=True)),
        category=STRING,
    ),
    function(
        "mask_right",
        "The last characters masked.",
        *_overloads(_COUNTED, _part(lambda length, count: length - count, masked_first=False)),
        category=STRING,
    ),
    function(
        "mask_keep_left",
        "All but the first characters masked.",
        *_overloads(_COUNTED, _part(lambda length, count: count, masked_first=False)),
        category=STRING,
    ),
    function(
        "mask_keep_right",
        "All but the last characters masked.",
        *_overloads(_COUNTED, _part(lambda length, count: length - count, masked_first=True)),
        category=STRING,
    ),
)
