"""Functions over arrays and maps (ksqlDB reference, "Collections")."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from ksql_engine.functions.define import function, overload
from ksql_engine.functions.signature import ScalarFunction


def distinct(items: list[Any]) -> list[Any]:
    """Return the items without repeats, in first-seen order."""
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _sort(items: list[Any], direction: str = "ASC") -> list[Any] | None:
    if direction.upper() not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    held = sorted((item for item in items if item is not None), reverse=direction.upper().startswith("DESC"))
    return held + [None] * (len(items) - len(held))


def _join(items: list[Any], separator: str = ",") -> str:
    return separator.join(_text(item) for item in items)


def _text(item: Any) -> str:
    if item is None or isinstance(item, bool):
        return {None: "null", True: "true", False: "false"}[item]
    return format(item, "f") if isinstance(item, Decimal) else str(item)


def _max(items: list[Any]) -> Any:
    return max((item for item in items if item is not None), default=None)


def _min(items: list[Any]) -> Any:
    return min((item for item in items if item is not None), default=None)


def _concat(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    return None if left is None and right is None else [*(left or ()), *(right or ())]


def _slice(items: list[Any], first: int | None, last: int | None) -> list[Any] | None:
    start = 0 if first is None else first - 1
    end = len(items) if last is None else last
    return items[max(start, 0) : end]


def _series(first: int, last: int, step: int | None = None) -> list[int]:
    step = step if step is not None else (1 if last >= first else -1)
    return list(range(first, last + (1 if step > 0 else -1), step))


def _map_union(left: dict[str, Any] | None, right: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if left is None and right is None else {**(left or {}), **(right or {})}


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function("ARRAY_LENGTH", "The number of items.", overload("ARRAY<A> -> INTEGER", len)),
    function(
        "ARRAY_CONTAINS",
        "Whether an item is there.",
        overload("ARRAY<A>, A -> BOOLEAN", lambda items, item: items is not None and item in items, nulls=True),
    ),
    function("ARRAY_DISTINCT", "Without repeats.", overload("ARRAY<A> -> ARRAY<A>", distinct)),
    function(
        "ARRAY_CONCAT",
        "Both arrays, one after the other.",
        overload("ARRAY<A>, ARRAY<A> -> ARRAY<A>", _concat, nulls=True),
    ),
    function(
        "ARRAY_UNION",
        "The distinct items of both arrays.",
        overload("ARRAY<A>, ARRAY<A> -> ARRAY<A>", lambda a, b: distinct([*a, *b])),
    ),
    function(
        "ARRAY_EXCEPT",
        "The distinct items of the first array that are not in the second.",
        overload("ARRAY<A>, ARRAY<A> -> ARRAY<A>", lambda a, b: [i for i in distinct(a) if i not in b]),
    ),
    function(
        "ARRAY_INTERSECT",
        "The distinct items that are in both.",
        overload("ARRAY<A>, ARRAY<A> -> ARRAY<A>", lambda a, b: [i for i in distinct(a) if i in b]),
    ),
    function(
        "ARRAY_REMOVE",
        "Without an item.",
        overload(
            "ARRAY<A>, A -> ARRAY<A>",
            lambda items, item: None if items is None else [held for held in items if held != item],
            nulls=True,
        ),
    ),
    function(
        "ARRAY_SORT",
        "Sorted, nulls last.",
        overload("ARRAY<A> -> ARRAY<A>", _sort),
        overload("ARRAY<A>, STRING -> ARRAY<A>", _sort),
    ),
    function("ARRAY_MAX", "The greatest item.", overload("ARRAY<A> -> A", _max)),
    function("ARRAY_MIN", "The least item.", overload("ARRAY<A> -> A", _min)),
    function(
        "ARRAY_JOIN",
        "The items as text with a separator.",
        overload("ARRAY<A> -> STRING", _join),
        overload("ARRAY<A>, STRING -> STRING", _join),
    ),
    function(
        "SLICE",
        "The items from one position to another.",
        overload(
            "ARRAY<A>, INTEGER, INTEGER -> ARRAY<A>",
            lambda items, a, b: None if items is None else _slice(items, a, b),
            nulls=True,
        ),
    ),
    function(
        "GENERATE_SERIES",
        "The whole numbers from one to another.",
        overload("INTEGER, INTEGER -> ARRAY<INTEGER>", _series),
        overload("INTEGER, INTEGER, INTEGER -> ARRAY<INTEGER>", _series),
        overload("BIGINT, BIGINT -> ARRAY<BIGINT>", _series),
        overload("BIGINT, BIGINT, INTEGER -> ARRAY<BIGINT>", _series),
    ),
    function("MAP_KEYS", "The keys.", overload("MAP<A, B> -> ARRAY<A>", list)),
    function("MAP_VALUES", "The values.", overload("MAP<A, B> -> ARRAY<B>", lambda held: list(held.values()))),
    function(
        "MAP_UNION",
        "Both maps; the second wins.",
        overload("MAP<A, B>, MAP<A, B> -> MAP<A, B>", _map_union, nulls=True),
    ),
    function(
        "AS_MAP",
        "A map from keys and values.",
        overload(
            "ARRAY<STRING>, ARRAY<A> -> MAP<STRING, A>", lambda keys, values: dict(zip(keys, values, strict=False))
        ),
    ),
)
