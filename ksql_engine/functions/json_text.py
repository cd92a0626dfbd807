"""Functions over JSON held as text (ksqlDB reference, "JSON functions")."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ksql_engine.functions.define import function, overload
from ksql_engine.functions.signature import ScalarFunction

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\['([^']*)'\]")


def _extract(text: str, path: str) -> str | None:
    """Return what stands at a path such as `$.a[0].b`, as text; objects and arrays as JSON."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return None
    for name, index, quoted in _STEP.findall(path.removeprefix("$")):
        if index:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else None
        else:
            found = found.get(name or quoted) if isinstance(found, dict) else None
    if found is None or isinstance(found, str):
        return found
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def _is_json(text: str | None) -> bool:
    try:
        return text is not None and (json.loads(text), True)[1]
    except ValueError:
        return False


def _length(text: str) -> int | None:
    held = _array(text)
    return None if held is None else len(held)


def _array(text: str) -> list[Any] | None:
    try:
        held = json.loads(text)
    except ValueError:
        return None
    return held if isinstance(held, list) else None


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "EXTRACTJSONFIELD", "What stands at a path of a JSON text.", overload("STRING, STRING -> STRING", _extract)
    ),
    function("IS_JSON_STRING", "Whether a text is JSON.", overload("STRING -> BOOLEAN", _is_json, nulls=True)),
    function("JSON_ARRAY_LENGTH", "The number of items of a JSON array.", overload("STRING -> INTEGER", _length)),
)
