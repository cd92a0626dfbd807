"""Functions over JSON held as text (ksqlDB reference, "JSON functions"). Numbers keep their digits as written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from ksql_engine.errors import EvaluationError
from ksql_engine.expressions import times
from ksql_engine.expressions.casts import double_text
from ksql_engine.functions.define import JSON, function, overload, typed
from ksql_engine.functions.signature import ScalarFunction
from ksql_engine.types import NULL, SqlType

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(['\"])(.*?)\3\]")
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)
_ABSENT: Final = object()


def _parse(text: str) -> Any:
    """Return the first JSON value in `text`, whatever follows it; empty text is no value.

    Raises EvaluationError when it is not JSON.
    """
    stripped = text.lstrip()
    if not stripped:
        return _ABSENT
    try:
        return _DECODER.raw_decode(stripped)[0]
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"not JSON: {error}") from error


def _written(value: Any) -> str:
    """Return a JSON value as compact text."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{_written(held)}" for name, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(value: Any) -> str | None:
    """Return a value as plain text: a string without quotes, null for JSON null."""
    return None if value is _ABSENT else value if isinstance(value, str) else _written(value)


def _path(path: str) -> list[str | int] | None:
    """Return the steps of `$.a[0]['b']`, or None when it is no such path."""
    if not path.startswith("$"):
        return None
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        name, index, _, quoted = match.groups()
        steps.append(int(index) if index is not None else name if name is not None else quoted)
        at = match.end()
    return steps


def _extract(text: str, path: str) -> str | None:
    """Return what stands at a path such as `$.a[0].b`, as text; objects and arrays as JSON."""
    steps = _path(path)
    if steps is None:
        return None
    found = _parse(text)
    for step in steps:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return None if found is None else _text(found)


def _is_json(text: str | None) -> bool:
    try:
        return text is not None and (json.loads(text), True)[1]
    except (ValueError, RecursionError):
        return False


def _length(text: str) -> int | None:
    held = _parse(text)
    return len(held) if isinstance(held, list) else None


def _contains(text: str | None, wanted: Any) -> bool:
    """Tell whether a JSON array has a value of the same kind: whole numbers, doubles, text, truth values or null."""
    try:
        held = None if text is None else _parse(text)
    except EvaluationError:
        return False
    return isinstance(held, list) and any(_same(item, wanted) for item in held)


def _same(item: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return isinstance(item, Decimal) and float(item) == wanted
    return type(item) is type(wanted) and not isinstance(wanted, (Decimal, list, dict)) and bool(item == wanted)


def _concat(*texts: str | None) -> str | None:
    """Join objects into one, anything else into one array. Null for null or for text without a value."""
    values: list[Any] = []
    for text in texts:
        value = _ABSENT if text is None else _parse(text)
        if value is _ABSENT:
            return None
        values.append(value)
    if all(isinstance(value, dict) for value in values):
        return _written({name: held for value in values for name, held in value.items()})
    if len(values) == 1:
        return _written(values[0])
    return _written([item for value in values for item in (value if isinstance(value, list) else [value])])


def _items(text: str) -> list[str] | None:
    held = _parse(text)
    return [_written(item) for item in held] if isinstance(held, list) else None


def _keys(text: str) -> list[str] | None:
    held = _parse(text)
    return list(held) if isinstance(held, dict) else None


def _records(text: str) -> dict[str, str | None] | None:
    held = _parse(text)
    return {name: _text(value) for name, value in held.items()} if isinstance(held, dict) else None


def json_writer(kind: SqlType) -> Callable[[Any], str]:
    """Return the function that writes a value of `kind` as JSON, nulls as `null`."""
    write = _nested_writer(kind) or _WRITERS.get(kind.base, _written)
    return lambda value: "null" if value is None else write(value)


def _nested_writer(kind: SqlType) -> Callable[[Any], str] | None:
    if kind.base == "ARRAY" and kind.item:
        item = json_writer(kind.item)
        return lambda value: "[" + ",".join(map(item, value)) + "]"
    if kind.base == "MAP" and kind.item:
        entry = json_writer(kind.item)
        return lambda value: "{" + ",".join(f"{_quoted(str(k))}:{entry(v)}" for k, v in value.items()) + "}"
    if kind.base == "STRUCT":
        fields = [(_quoted(name), json_writer(field)) for name, field in kind.fields]
        return lambda value: (
            "{" + ",".join(f"{name}:{write(v)}" for (name, write), v in zip(fields, value, strict=True)) + "}"
        )
    return None


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "DOUBLE": double_text,
    "DECIMAL": lambda value: format(value, "f"),
    "BYTES": lambda value: _quoted(base64.b64encode(value).decode()),
    "TIME": lambda value: _quoted(times.time_text(value)),
    "DATE": lambda value: _quoted(times.date_text(value)),
    "TIMESTAMP": lambda value: _quoted(times.timestamp_text(value)),
}


def _json_of(args: Sequence[SqlType]) -> Callable[[Any], str]:
    return json_writer(args[0] if args[0] is not NULL else SqlType("STRING"))


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "EXTRACTJSONFIELD",
        "What stands at a path of a JSON text.",
        overload("STRING input, STRING path -> STRING", _extract),
        category=JSON,
    ),
    function(
        "IS_JSON_STRING",
        "Whether a text is JSON.",
        overload("STRING input -> BOOLEAN", _is_json, nulls=True),
        category=JSON,
    ),
    function(
        "JSON_ARRAY_LENGTH",
        "The number of items of a JSON array.",
        overload("STRING jsonArray -> INTEGER", _length),
        category=JSON,
    ),
    function(
        "JSON_ARRAY_CONTAINS",
        "Whether a value is in a JSON array.",
        overload("STRING jsonArray, T val -> BOOLEAN", _contains, nulls=True),
        category=JSON,
    ),
    function(
        "JSON_CONCAT",
        "JSON texts as one.",
        overload("STRING jsonStrings... -> STRING", _concat, nulls=True),
        category=JSON,
    ),
    function(
        "JSON_ITEMS",
        "The items of a JSON array, each as JSON.",
        overload("STRING jsonItems -> ARRAY<STRING>", _items),
        category=JSON,
    ),
    function(
        "JSON_KEYS",
        "The names in a JSON object.",
        overload("STRING jsonObj -> ARRAY<STRING>", _keys),
        category=JSON,
    ),
    function(
        "JSON_RECORDS",
        "The names and values in a JSON object.",
        overload("STRING jsonObj -> MAP<STRING, STRING>", _records),
        category=JSON,
    ),
    function(
        "TO_JSON_STRING",
        "Any value as JSON.",
        typed("T val -> STRING", _json_of, nulls=True),
        category=JSON,
    ),
)
