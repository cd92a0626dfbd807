"""Functions over maps (ksqlDB reference, "Collections"). They visit entries in the order a Java HashMap does."""

from __future__ import annotations

from typing import Any, Final

from ksql_engine.expressions.java_maps import visited
from ksql_engine.functions.define import MAP, function, overload
from ksql_engine.functions.signature import ScalarFunction


def _values(held: dict[Any, Any]) -> list[Any]:
    return [held[key] for key in visited(held)]


def _entries(held: dict[str, Any], sort: bool) -> list[tuple[str, Any]]:
    return [(key, held[key]) for key in (sorted(held) if sort else visited(held))]


def _union(left: dict[Any, Any] | None, right: dict[Any, Any] | None) -> dict[Any, Any] | None:
    return None if left is None and right is None else {**(left or {}), **(right or {})}


def _as_map(keys: list[str], values: list[Any]) -> dict[str, Any]:
    return {"null" if key is None else key: value for key, value in zip(keys, values, strict=False)}


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function("map_keys", "The keys.", overload("MAP<K, V> input -> ARRAY<K>", visited), category=MAP),
    function("map_values", "The values.", overload("MAP<K, V> input -> ARRAY<V>", _values), category=MAP),
    function(
        "map_union",
        "Both maps; the second wins.",
        overload("MAP<K, V> map1, MAP<K, V> map2 -> MAP<K, V>", _union, nulls=True),
        category=MAP,
    ),
    function(
        "as_map",
        "A map from keys and values.",
        overload("ARRAY<STRING> keys, ARRAY<V> values -> MAP<STRING, V>", _as_map),
        category=MAP,
    ),
    function(
        "ENTRIES",
        "The entries as structs of key and value.",
        overload("MAP<STRING, V> map, BOOLEAN sorted -> ARRAY<STRUCT<K STRING, V V>>", _entries),
        category=MAP,
    ),
)
