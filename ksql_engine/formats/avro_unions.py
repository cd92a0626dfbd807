"""Avro unions of several types: read as a STRUCT with a field for each branch, as Connect has them.

The decoder returns a union's value without saying of which branch it is. So each branch is made a record of one
field, which has the same bytes, and whose field says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from ksql_engine.errors import DeserializationError
from ksql_engine.formats.avro_types import branch_name
from ksql_engine.types import SqlType

Convert = Callable[[Any], Any]


def with_union_records(schema: Any) -> Any:
    """Return a schema of the same bytes in which the branches of unions of several types are records of one field."""
    return _changed(schema, count())


def _changed(schema: Any, numbers: Iterator[int]) -> Any:
    if isinstance(schema, list):
        several = len(schema) - schema.count("null") > 1
        return [_branch(one, numbers) if several and one != "null" else _changed(one, numbers) for one in schema]
    if not isinstance(schema, dict):
        return schema
    nested = {name: _changed(schema[name], numbers) for name in ("type", "items", "values") if name in schema}
    if "fields" in schema:
        nested["fields"] = [_changed(field, numbers) for field in schema["fields"]]
    return schema | nested


def _branch(branch: Any, numbers: Iterator[int]) -> dict[str, Any]:
    field = {"name": branch_name(branch), "type": _changed(branch, numbers)}
    return {"type": "record", "name": f"UnionBranch{next(numbers)}", "fields": [field]}


def union_conversion(branches: list[Any], kind: SqlType, conversion: Callable[[Any, SqlType], Convert]) -> Convert:
    """Return the function from a decoded union, a dict of the branch's name and value, to a STRUCT.

    `conversion` makes the function for a branch. What is returned raises DeserializationError.
    """
    fields = {name.upper(): (place, held) for place, (name, held) in enumerate(kind.fields)}
    parts: dict[str, tuple[int, Convert]] = {}
    for branch in branches:
        name = branch_name(branch)
        if name.upper() in fields:
            place, held = fields[name.upper()]
            parts[name] = place, conversion(branch, held)

    def convert(value: Any) -> Any:
        if value is None:
            return None
        if kind.base != "STRUCT":
            raise DeserializationError(f"Can't convert STRUCT to {kind}")
        row: list[Any] = [None] * len(kind.fields)
        for name, held in value.items():
            if name in parts:
                place, of_branch = parts[name]
                row[place] = of_branch(held)
        return tuple(row)

    return convert
