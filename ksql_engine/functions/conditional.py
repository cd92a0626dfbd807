"""Conditional functions (ksqlDB reference, "Conditional functions"), and AS_VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ksql_engine.functions.define import CONDITIONAL, OTHER, function, overload
from ksql_engine.functions.signature import Overload, ScalarFunction, parse_signature
from ksql_engine.types import NULL, SqlType, wider_number


def _coalesce(*values: Any) -> Any:
    for value in values:
        if value is not None:
            return value
    return None


def _greatest(*values: Any) -> Any:
    return max([value for value in values if value is not None], default=None)


def _least(*values: Any) -> Any:
    return min([value for value in values if value is not None], default=None)


def _nullif(left: Any, right: Any) -> Any:
    return None if left is not None and left == right else left


def _widest(args: Sequence[SqlType]) -> SqlType:
    """The DECIMAL that holds every argument."""
    widest = NULL
    for arg in args:
        if arg is not NULL:
            widest = arg if widest is NULL else wider_number(widest, arg)
    return widest


def _ordered(call: Any) -> list[Overload]:
    kinds = ("INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")
    made = [overload(f"{kind} val, {kind} vals... -> {kind}", call, nulls=True) for kind in kinds]
    decimals = parse_signature("DECIMAL val, DECIMAL vals... -> DECIMAL")
    return [*made, Overload(decimals, call, nulls=True, result=_widest)]


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "COALESCE",
        "The first value that is not null.",
        overload("T first, T others... -> T", _coalesce, nulls=True),
        category=CONDITIONAL,
    ),
    function(
        "IFNULL",
        "The second value where the first is null.",
        overload("T expression, T altValue -> T", _coalesce, nulls=True),
        category=CONDITIONAL,
    ),
    function(
        "NULLIF",
        "Null where both values are equal.",
        overload("T expression1, T expression2 -> T", _nullif, nulls=True),
        category=CONDITIONAL,
    ),
    function(
        "AS_VALUE",
        "The value itself: copies a key column into the value.",
        overload("T keyColumn -> T", lambda value: value),
        category=OTHER,
    ),
    function("greatest", "The greatest of the values that are not null.", *_ordered(_greatest), category=CONDITIONAL),
    function("least", "The least of the values that are not null.", *_ordered(_least), category=CONDITIONAL),
)
