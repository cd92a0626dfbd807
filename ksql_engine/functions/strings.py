"""Text functions (ksqlDB reference, "String functions"). Positions count from 1."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any, Final

from ksql_engine.functions.define import STRING, function, overload
from ksql_engine.functions.signature import ScalarFunction

_BLANK: Final = "".join(map(chr, range(33)))
_WORD: Final = re.compile(r"\S+\s*", re.ASCII)
_UNICODE: Final = re.compile(r"\\u+([0-9a-fA-F]{4})")


def _concat(*parts: str | None) -> str:
    return "".join([part for part in parts if part is not None])


def _bytes_concat(*parts: bytes | None) -> bytes:
    return b"".join([part for part in parts if part is not None])


def _concat_ws(separator: Any, *parts: Any) -> Any:
    return None if separator is None else separator.join([part for part in parts if part is not None])


def _start(length: int, position: int) -> int:
    """Turn a position from the end, or 0 for the start, into an index."""
    return 0 if position == 0 else max(length + position, 0)


def _substring(text: Any, position: int) -> Any:
    return text[position - 1 if position > 0 else _start(len(text), position) :]


def _substring_length(text: Any, position: int, length: int) -> Any:
    start = position - 1 if position > 0 else _start(len(text), position)
    return text[start : start + length if length > 0 else start]


def _filler(text: Any, length: int, padding: Any) -> Any:
    missing = length - len(text)
    return (padding * (missing // len(padding) + 1))[: max(missing, 0)]


def _lpad(text: Any, length: int, padding: Any) -> Any:
    if not padding or length < 0:
        return None
    return (_filler(text, length, padding) + text)[:length] if length > len(text) else text[:length]


def _rpad(text: Any, length: int, padding: Any) -> Any:
    if not padding or length < 0:
        return None
    return (text + _filler(text, length, padding))[:length]


def _split(text: Any, delimiter: Any) -> list[Any]:
    if delimiter:
        return list(text.split(delimiter))
    return [text[place : place + 1] for place in range(len(text))] if text else [text]


def _instr(text: str | None, part: str | None, position: int | None = 1, occurrence: int | None = 1) -> int:
    """Return where `part` is for the nth time, searching from a position, or backwards from a negative one."""
    if text is None or part is None or position is None or occurrence is None:
        return 0
    if position == 0 or occurrence < 1 or abs(position) > len(text):
        return 0
    return _forwards(text, part, position, occurrence) if position > 0 else _backwards(text, part, position, occurrence)


def _forwards(text: str, part: str, position: int, occurrence: int) -> int:
    at = position - 2
    for _ in range(occurrence):
        at = text.find(part, at + 1)
        if at < 0:
            return 0
    return at + 1


def _backwards(text: str, part: str, position: int, occurrence: int) -> int:
    end, at = len(text) + position + 1, -1
    for _ in range(occurrence):
        at = text.rfind(part, 0, end) if end > 0 else -1
        if at < 0:
            return 0
        end = at + len(part) - 1
    return at + 1


def _trim(text: str) -> str:
    """Cut off spaces and control characters, as Java's `trim` does."""
    return text.strip(_BLANK)


def _initcap(text: str) -> str:
    """Write each word with a capital; spaces before the first are left out."""
    return "".join([word[:1].upper() + word[1:] for word in _WORD.findall(text.lower())])


def _elt(position: int | None, *items: str | None) -> str | None:
    return items[position - 1] if position is not None and 1 <= position <= len(items) else None


def _field(text: str | None, *items: str | None) -> int:
    return items.index(text) + 1 if text is not None and text in items else 0


def _split_to_map(text: str, entries: str, keys: str) -> dict[str, str] | None:
    if not entries or not keys or entries == keys:
        return None
    pairs = (part.split(keys) for part in text.split(entries) if part)
    return {pair[0]: pair[1] for pair in pairs if len(pair) > 1}


def _chr(code: int) -> str | None:
    """Return the character of a code point; null for what is none."""
    return chr(code) if 0 <= code <= 0x10FFFF else None


def _chr_text(text: str) -> str | None:
    r"""Return the characters written as `\u004b` or as two such halves; null for anything else."""
    if not text.startswith("\\u"):
        return None
    units = _UNICODE.sub(lambda match: chr(int(match.group(1), 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _uuid_of(data: bytes) -> str | None:
    return str(uuid.UUID(bytes=data)) if len(data) == 16 else None


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "concat",
        "Joins values, leaving nulls out.",
        overload("STRING inputs... -> STRING", _concat, nulls=True),
        overload("BYTES inputs... -> BYTES", _bytes_concat, nulls=True),
        category=STRING,
    ),
    function(
        "concat_ws",
        "Joins values with a separator, leaving nulls out.",
        overload("STRING separator, STRING inputs... -> STRING", _concat_ws, nulls=True),
        overload("BYTES separator, BYTES inputs... -> BYTES", _concat_ws, nulls=True),
        category=STRING,
    ),
    function(
        "substring",
        "The part from a position (from 1, negative from the end), of a length.",
        overload("STRING str, INTEGER pos -> STRING", _substring),
        overload("STRING str, INTEGER pos, INTEGER length -> STRING", _substring_length),
        overload("BYTES bytes, INTEGER pos -> BYTES", _substring),
        overload("BYTES bytes, INTEGER pos, INTEGER length -> BYTES", _substring_length),
        category=STRING,
    ),
    function(
        "len",
        "The number of characters or bytes.",
        overload("STRING input -> INTEGER", len),
        overload("BYTES input -> INTEGER", len),
        category=STRING,
    ),
    function("ucase", "In upper case.", overload("STRING input -> STRING", str.upper), category=STRING),
    function("lcase", "In lower case.", overload("STRING input -> STRING", str.lower), category=STRING),
    function("trim", "Without spaces at both ends.", overload("STRING input -> STRING", _trim), category=STRING),
    function(
        "lpad",
        "Filled on the left, or cut, to a length.",
        overload("STRING input, INTEGER length, STRING padding -> STRING", _lpad),
        overload("BYTES input, INTEGER length, BYTES padding -> BYTES", _lpad),
        category=STRING,
    ),
    function(
        "rpad",
        "Filled on the right, or cut, to a length.",
        overload("STRING input, INTEGER length, STRING padding -> STRING", _rpad),
        overload("BYTES input, INTEGER length, BYTES padding -> BYTES", _rpad),
        category=STRING,
    ),
    function(
        "replace",
        "With every occurrence of a part replaced.",
        overload("STRING str, STRING oldStr, STRING newStr -> STRING", _replace),
        category=STRING,
    ),
    function(
        "split",
        "The parts between delimiters.",
        overload("STRING string, STRING delimiter -> ARRAY<STRING>", _split),
        overload("BYTES bytes, BYTES delimiter -> ARRAY<BYTES>", _split),
        category=STRING,
    ),
    function(
        "split_to_map",
        "Entries between delimiters as a map.",
        overload("STRING input, STRING entryDelimiter, STRING kvDelimiter -> MAP<STRING, STRING>", _split_to_map),
        category=STRING,
    ),
    function(
        "instr",
        "The position of a part, 0 when it is missing.",
        overload("STRING str, STRING substring -> INTEGER", _instr, nulls=True),
        overload("STRING str, STRING substring, INTEGER position -> INTEGER", _instr, nulls=True),
        overload("STRING str, STRING substring, INTEGER position, INTEGER occurrence -> INTEGER", _instr, nulls=True),
        category=STRING,
    ),
    function("initcap", "Each word with a capital.", overload("STRING str -> STRING", _initcap), category=STRING),
    function(
        "chr",
        "The character of a code point.",
        overload("INTEGER decimalCode -> STRING", _chr),
        overload("STRING utf16Code -> STRING", _chr_text),
        category=STRING,
    ),
    function(
        "md5",
        "The MD5 digest in hex.",
        overload("STRING s -> STRING", lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
        category=STRING,
    ),
    function(
        "uuid",
        "A random UUID, or the one that 16 bytes are.",
        overload("-> STRING", lambda: str(uuid.uuid4())),
        overload("BYTES bytes -> STRING", _uuid_of),
        category=STRING,
    ),
    function(
        "elt",
        "The nth of the following values.",
        overload("INTEGER pos, STRING args... -> STRING", _elt, nulls=True),
        category=STRING,
    ),
    function(
        "field",
        "The position of a value among the following.",
        overload("STRING str, STRING args... -> INTEGER", _field, nulls=True),
        category=STRING,
    ),
)
