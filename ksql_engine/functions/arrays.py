"""Functions over arrays (ksqlDB reference, "Collections")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ksql_engine.errors import EvaluationError
from ksql_engine.expressions.casts import text_writer
from ksql_engine.functions.define import ARRAY, function, overload, typed
from ksql_engine.functions.signature import ScalarFunction
from ksql_engine.types import STRING, SqlType

_JOINED: Final = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "null")


def distinct(items: list[Any]) -> list[Any]:
    """Return the items without repeats, in first-seen order."""
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        found: list[Any] = []
        for item in items:
            if item not in found:
                found.append(item)
        return found


def _sort(items: list[Any], direction: str = "ASC") -> list[Any] | None:
    order = direction.upper()
    if order not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    held = sorted((item for item in items if item is not None), reverse=order.startswith("DESC"))
    return held + [None] * (len(items) - len(held))


def _joiner(args: Sequence[SqlType]) -> Callable[..., str | None]:
    """Return the function that joins items of the array's type in their text form; no separator is ''."""
    kind = args[0].item or STRING
    write = text_writer(kind) if kind.base in _JOINED else _not_joined

    def call(items: list[Any] | None, separator: str | None = ",") -> str | None:
        if items is None:
            return None
        return (separator or "").join(["null" if item is None else write(item) for item in items])

    return call


def _not_joined(_item: Any) -> str:
    raise EvaluationError("ARRAY_JOIN only supports items of simple types")


def _max(items: list[Any]) -> Any:
    return max((item for item in items if item is not None), default=None)


def _min(items: list[Any]) -> Any:
    return min((item for item in items if item is not None), default=None)


def _concat(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    return None if left is None and right is None else [*(left or ()), *(right or ())]


def _slice(items: list[Any] | None, first: int | None, last: int | None) -> list[Any] | None:
    if items is None:
        return None
    start = 0 if first is None else first - 1
    end = len(items) if last is None else last
    if start < 0 or end > len(items):
        return None
    if start > end:
        raise EvaluationError(f"fromIndex({start}) > toIndex({end})")
    return items[start:end]


def _series(first: int, last: int, step: int | None = None) -> list[int]:
    if step == 0:
        raise EvaluationError("GENERATE_SERIES step cannot be zero")
    step = step if step is not None else (1 if last > first else -1)
    if (last - first) * step < 0:
        raise EvaluationError("GENERATE_SERIES step has wrong sign")
    return list(range(first, last + (1 if step > 0 else -1), step))


def _contains(items: list[Any] | None, item: Any) -> bool:
    return items is not None and item in items


def _remove(items: list[Any] | None, item: Any) -> list[Any] | None:
    return None if items is None else [held for held in items if held != item]


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function("ARRAY_LENGTH", "The number of items.", overload("ARRAY<T> array -> INTEGER", len), category=ARRAY),
    function(
        "ARRAY_CONTAINS",
        "Whether an item is there.",
        overload("ARRAY<T> array, T val -> BOOLEAN", _contains, nulls=True),
        category=ARRAY,
    ),
    function("array_distinct", "Without repeats.", overload("ARRAY<T> array -> ARRAY<T>", distinct), category=ARRAY),
    function(
        "array_concat",
        "Both arrays, one after the other.",
        overload("ARRAY<T> array1, ARRAY<T> array2 -> ARRAY<T>", _concat, nulls=True),
        category=ARRAY,
    ),
    function(
        "array_union",
        "The distinct items of both arrays.",
        overload("ARRAY<T> array1, ARRAY<T> array2 -> ARRAY<T>", lambda a, b: distinct([*a, *b])),
        category=ARRAY,
    ),
    function(
        "array_except",
        "The distinct items of the first array that are not in the second.",
        overload("ARRAY<T> array1, ARRAY<T> array2 -> ARRAY<T>", lambda a, b: [i for i in distinct(a) if i not in b]),
        category=ARRAY,
    ),
    function(
        "array_intersect",
        "The distinct items that are in both.",
        overload("ARRAY<T> array1, ARRAY<T> array2 -> ARRAY<T>", lambda a, b: [i for i in distinct(a) if i in b]),
        category=ARRAY,
    ),
    function(
        "array_remove",
        "Without an item.",
        overload("ARRAY<T> array, T victim -> ARRAY<T>", _remove, nulls=True),
        category=ARRAY,
    ),
    function(
        "array_sort",
        "Sorted, nulls last.",
        overload("ARRAY<T> array -> ARRAY<T>", _sort),
        overload("ARRAY<T> array, STRING direction -> ARRAY<T>", _sort),
        category=ARRAY,
    ),
    function("array_max", "The greatest item.", overload("ARRAY<T> array -> T", _max), category=ARRAY),
    function("array_min", "The least item.", overload("ARRAY<T> array -> T", _min), category=ARRAY),
    function(
        "ARRAY_JOIN",
        "The items as text with a separator.",
        typed("ARRAY<T> array -> STRING", _joiner, nulls=True),
        typed("ARRAY<T> array, STRING delimiter -> STRING", _joiner, nulls=True),
        category=ARRAY,
    ),
    function(
        "slice",
        "The items from one position to another.",
        overload("ARRAY<T> in, INTEGER from, INTEGER to -> ARRAY<T>", _slice, nulls=True),
        category=ARRAY,
    ),
    function(
        "GENERATE_SERIES",
        "The whole numbers from one to another.",
        overload("INTEGER start, INTEGER end -> ARRAY<INTEGER>", _series),
        overload("INTEGER start, INTEGER end, INTEGER step -> ARRAY<INTEGER>", _series),
        overload("BIGINT start, BIGINT end -> ARRAY<BIGINT>", _series),
        overload("BIGINT start, BIGINT end, INTEGER step -> ARRAY<BIGINT>", _series),
        category=ARRAY,
    ),
)
