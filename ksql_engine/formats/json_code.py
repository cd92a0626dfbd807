"""Readers and writers of JSON objects as one generated function each.

A generated reader takes only what needs no conversion; for anything else it asks the general reader, which converts
or refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from json.scanner import make_scanner
from typing import Any, Final

from ksql_engine.formats.base import Reader
from ksql_engine.plan.model import Column
from ksql_engine.types import Row

_PLAIN: Final = {
    "STRING": "type({0}) is str",
    "BOOLEAN": "type({0}) is bool",
    "INTEGER": "type({0}) is int and -0x80000000 <= {0} <= 0x7FFFFFFF",
    "BIGINT": "type({0}) is int and -0x8000000000000000 <= {0} <= 0x7FFFFFFFFFFFFFFF",
}
"""What a decoded value is that a column of a type holds as it is."""

_WRITTEN: Final = {
    "STRING": "quoted({0})",
    "BOOLEAN": "('true' if {0} else 'false')",
    "INTEGER": "str({0})",
    "BIGINT": "str({0})",
}


def object_reader(columns: Sequence[Column], general: Reader, refuse: Callable[[str], Any]) -> Reader:
    """Return a reader of objects that does in fewer steps what `general` does.

    `refuse` is called with the name of a number that JSON does not have.
    """
    if not all(column.type.base in _PLAIN for column in columns):
        return general
    places = range(len(columns))
    checks = [
        f"(v{place} is None or {_PLAIN[column.type.base].format(f'v{place}')})" for place, column in enumerate(columns)
    ]
    lines = [
        "def read(data):",
        "    try:",
        "        text = data.decode()",
        "        found, end = scan(text, 0)",
        *(f"        v{place} = found[{column.name!r}]" for place, column in enumerate(columns)),
        f"        if {' and '.join(['end == len(text)', *checks])}:",
        f"            return ({''.join(f'v{place}, ' for place in places)})",
        "    except Exception:",
        "        return general(data)",
        "    return general(data)",
    ]
    scan: Any = make_scanner(json.JSONDecoder(parse_constant=refuse))  # type: ignore[arg-type]  # the stubs are wrong
    names: dict[str, Any] = {"scan": scan, "general": general}
    exec("\n".join(lines), names)  # noqa: S102 - written here from declared types
    reader: Reader = names["read"]
    return reader


def object_text(columns: Sequence[Column], encoders: Sequence[Callable[[Any], str]]) -> Callable[[Row], str]:
    """Return the function from a row to the text of an object; `encoders` write a column that is not null."""
    names: dict[str, Any] = {"quoted": encode_basestring}
    parts: list[str] = []
    for place, (column, encode) in enumerate(zip(columns, encoders, strict=True)):
        before = f"{',' if place else ''}{encode_basestring(column.name)}:"
        names[f"e{place}"] = encode
        written = _WRITTEN.get(column.type.base, f"e{place}({{0}})").format(f"r[{place}]")
        parts.append(f"{before!r}, 'null' if r[{place}] is None else {written}, ")
    text: Callable[[Row], str] = eval(f"lambda r: ''.join(('{{', {''.join(parts)}'}}'))", names)  # noqa: S307 - as above
    return text
