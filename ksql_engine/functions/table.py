"""Table functions: one row becomes as many as the returned array has items (ksqlDB reference, "Table functions")."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from ksql_engine.functions.define import function, overload
from ksql_engine.functions.signature import ScalarFunction


def _cube(columns: list[Any]) -> list[list[Any]]:
    """Return every combination of the columns and null, null first; a null column stands once."""
    choices = [(None,) if column is None else (None, column) for column in columns]
    return [list(row) for row in product(*choices)]


TABLE_FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "explode",
        "Each item of an array as a row.",
        overload("ARRAY<T> list -> ARRAY<T>", lambda items: items),
        category="TABLE",
    ),
    function(
        "cube_explode",
        "Each combination of the columns and null as a row.",
        overload("ARRAY<T> columns -> ARRAY<ARRAY<T>>", _cube),
        category="TABLE",
    ),
)
