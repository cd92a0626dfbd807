"""Functions of regular expressions (ksqlDB reference, "Regular expression functions")."""

from __future__ import annotations

import re
from typing import Final

from ksql_engine.functions.define import REGULAR_EXPRESSION, function, overload
from ksql_engine.functions.patterns import compile_pattern, split_pattern
from ksql_engine.functions.signature import ScalarFunction


def _extract(pattern: str, text: str, group: int = 0) -> str | None:
    match = compile_pattern(pattern).search(text)
    if match is None or not 0 <= group <= match.re.groups:
        return None
    found: str | None = match.group(group)
    return found


def _extract_all(pattern: str, text: str, group: int = 0) -> list[str | None] | None:
    compiled = compile_pattern(pattern)
    if not 0 <= group <= compiled.groups:
        return None
    return [match.group(group) for match in compiled.finditer(text)]


def _replace(text: str, pattern: str, replacement: str) -> str:
    template = re.sub(r"\$(\d)", r"\\g<\1>", replacement.replace("\\", "\\\\"))
    return compile_pattern(pattern).sub(template, text)


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "regexp_extract",
        "The first match of a pattern, or of its group.",
        overload("STRING pattern, STRING input -> STRING", _extract),
        overload("STRING pattern, STRING input, INTEGER group -> STRING", _extract),
        category=REGULAR_EXPRESSION,
    ),
    function(
        "regexp_extract_all",
        "Every match of a pattern, or of its group.",
        overload("STRING pattern, STRING input -> ARRAY<STRING>", _extract_all),
        overload("STRING pattern, STRING input, INTEGER group -> ARRAY<STRING>", _extract_all),
        category=REGULAR_EXPRESSION,
    ),
    function(
        "regexp_replace",
        "With every match of a pattern replaced.",
        overload("STRING str, STRING pattern, STRING newStr -> STRING", _replace),
        category=REGULAR_EXPRESSION,
    ),
    function(
        "regexp_split_to_array",
        "The parts between matches of a pattern.",
        overload("STRING string, STRING regexp -> ARRAY<STRING>", split_pattern),
        category=REGULAR_EXPRESSION,
    ),
)
