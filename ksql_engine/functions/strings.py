"""Text functions (ksqlDB reference, "String functions"). Positions count from 1."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any, Final

from ksql_engine.functions.define import function, overload
from ksql_engine.functions.patterns import compile_pattern
from ksql_engine.functions.signature import ScalarFunction


def _concat(*parts: str | None) -> str:
    return "".join(part for part in parts if part is not None)


def _concat_ws(separator: str | None, *parts: str | None) -> str | None:
    return None if separator is None else separator.join(part for part in parts if part is not None)


def _start(length: int, position: int) -> int:
    """Turn a position (from 1; negative from the end; 0 as 1) into an index."""
    if position > 0:
        return min(position - 1, length)
    return 0 if position == 0 else max(length + position, 0)


def _substring(text: Any, position: int) -> Any:
    return text[_start(len(text), position) :]


def _substring_length(text: Any, position: int, length: int) -> Any:
    start = _start(len(text), position)
    return text[start : start + max(length, 0)]


def _pad(text: str, length: int, padding: str, left: bool) -> str | None:
    if not padding or length < 0:
        return None
    missing = length - len(text)
    if missing <= 0:
        return text[:length]
    filler = (padding * (missing // len(padding) + 1))[:missing]
    return filler + text if left else text + filler


def _lpad(text: str, length: int, padding: str) -> str | None:
    return _pad(text, length, padding, left=True)


def _rpad(text: str, length: int, padding: str) -> str | None:
    return _pad(text, length, padding, left=False)


def _split(text: str, delimiter: str) -> list[str]:
    return list(text) if not delimiter else text.split(delimiter)


def _instr(text: str, part: str, position: int = 1, occurrence: int = 1) -> int:
    if position < 0:
        return _instr_back(text, part, position, occurrence)
    at = position - 2
    for _ in range(occurrence):
        at = text.find(part, at + 1)
        if at < 0:
            return 0
    return at + 1


def _instr_back(text: str, part: str, position: int, occurrence: int) -> int:
    last = len(text) + position
    for _ in range(occurrence):
        at = text.rfind(part, 0, last + len(part))
        if at < 0:
            return 0
        last = at - 1
    return last + 2


def _regexp_extract(pattern: str, text: str, group: int = 0) -> str | None:
    match = compile_pattern(pattern).search(text)
    if match is None or group > match.re.groups:
        return None
    found: str | None = match.group(group)
    return found


def _regexp_extract_all(pattern: str, text: str, group: int = 0) -> list[str | None] | None:
    compiled = compile_pattern(pattern)
    if group > compiled.groups:
        return None
    return [match.group(group) for match in compiled.finditer(text)]


def _regexp_replace(text: str, pattern: str, replacement: str) -> str:
    template = re.sub(r"\$(\d)", r"\\g<\1>", replacement.replace("\\", "\\\\"))
    return compile_pattern(pattern).sub(template, text)


def _regexp_split(text: str, pattern: str) -> list[str]:
    return list(text) if not pattern else compile_pattern(pattern).split(text)


def _mask(text: str) -> str:
    return "".join("X" if c.isupper() else "x" if c.islower() else "n" if c.isdigit() else "-" for c in text)


def _initcap(text: str) -> str:
    return re.sub(r"\S+", lambda match: match.group()[:1].upper() + match.group()[1:].lower(), text)


def _elt(position: int, *items: str | None) -> str | None:
    return items[position - 1] if 1 <= position <= len(items) else None


def _field(text: str | None, *items: str | None) -> int:
    return items.index(text) + 1 if text is not None and text in items else 0


def _split_to_map(text: str, entries: str, keys: str) -> dict[str, str] | None:
    if not entries or not keys:
        return None
    pairs = (part.split(keys) for part in text.split(entries))
    return {pair[0]: pair[1] for pair in pairs if len(pair) > 1}


def _bytes_concat(*parts: bytes | None) -> bytes:
    return b"".join(part for part in parts if part is not None)


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "CONCAT",
        "Joins values, leaving nulls out.",
        overload("STRING, STRING... -> STRING", _concat, nulls=True),
        overload("STRING -> STRING", _concat, nulls=True),
        overload("BYTES, BYTES... -> BYTES", _bytes_concat, nulls=True),
    ),
    function(
        "CONCAT_WS",
        "Joins values with a separator, leaving nulls out.",
        overload("STRING, STRING... -> STRING", _concat_ws, nulls=True),
    ),
    function(
        "SUBSTRING",
        "The part of a text from a position (from 1, negative from the end), of a length.",
        overload("STRING, INTEGER -> STRING", _substring),
        overload("STRING, INTEGER, INTEGER -> STRING", _substring_length),
        overload("BYTES, INTEGER -> BYTES", _substring),
        overload("BYTES, INTEGER, INTEGER -> BYTES", _substring_length),
    ),
    function(
        "LEN",
        "The number of characters or bytes.",
        overload("STRING -> INTEGER", len),
        overload("BYTES -> INTEGER", len),
    ),
    function("UCASE", "In upper case.", overload("STRING -> STRING", str.upper)),
    function("LCASE", "In lower case.", overload("STRING -> STRING", str.lower)),
    function("TRIM", "Without spaces at both ends.", overload("STRING -> STRING", str.strip)),
    function("LPAD", "Filled on the left, or cut, to a length.", overload("STRING, INTEGER, STRING -> STRING", _lpad)),
    function("RPAD", "Filled on the right, or cut, to a length.", overload("STRING, INTEGER, STRING -> STRING", _rpad)),
    function(
        "REPLACE",
        "With every occurrence of a part replaced.",
        overload("STRING, STRING, STRING -> STRING", str.replace),
    ),
    function("SPLIT", "The parts between delimiters.", overload("STRING, STRING -> ARRAY<STRING>", _split)),
    function(
        "SPLIT_TO_MAP",
        "Entries between delimiters as a map.",
        overload("STRING, STRING, STRING -> MAP<STRING, STRING>", _split_to_map),
    ),
    function(
        "INSTR",
        "The position of a part, 0 when it is missing.",
        overload("STRING, STRING -> INTEGER", _instr),
        overload("STRING, STRING, INTEGER -> INTEGER", _instr),
        overload("STRING, STRING, INTEGER, INTEGER -> INTEGER", _instr),
    ),
    function("INITCAP", "Each word with a capital.", overload("STRING -> STRING", _initcap)),
    function("CHR", "The character of a code point.", overload("INTEGER -> STRING", chr)),
    function("MASK", "Letters as X and x, digits as n, others as -.", overload("STRING -> STRING", _mask)),
    function(
        "MD5",
        "The MD5 digest in hex.",
        overload("STRING -> STRING", lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
    ),
    function("UUID", "A random UUID.", overload(" -> STRING", lambda: str(uuid.uuid4()))),
    function("ELT", "The nth of the following values.", overload("INTEGER, STRING... -> STRING", _elt, nulls=True)),
    function(
        "FIELD",
        "The position of a value among the following.",
        overload("STRING, STRING... -> INTEGER", _field, nulls=True),
    ),
    function(
        "REGEXP_EXTRACT",
        "The first match of a pattern, or of its group.",
        overload("STRING, STRING -> STRING", _regexp_extract),
        overload("STRING, STRING, INTEGER -> STRING", _regexp_extract),
    ),
    function(
        "REGEXP_EXTRACT_ALL",
        "Every match of a pattern, or of its group.",
        overload("STRING, STRING -> ARRAY<STRING>", _regexp_extract_all),
        overload("STRING, STRING, INTEGER -> ARRAY<STRING>", _regexp_extract_all),
    ),
    function(
        "REGEXP_REPLACE",
        "With every match of a pattern replaced.",
        overload("STRING, STRING, STRING -> STRING", _regexp_replace),
    ),
    function(
        "REGEXP_SPLIT_TO_ARRAY",
        "The parts between matches of a pattern.",
        overload("STRING, STRING -> ARRAY<STRING>", _regexp_split),
    ),
)
