"""Regular expressions in Java's syntax, as far as Python shares it."""

from __future__ import annotations

import re
from functools import lru_cache

from ksql_engine.errors import EvaluationError


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. Raises EvaluationError when it is not one."""
    try:
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except re.error as error:
        raise EvaluationError(f"Invalid regular expression pattern: {pattern}: {error}") from error


@lru_cache(maxsize=256)
def like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    """Return a LIKE pattern as a regular expression: % any text, _ any character, `escape` before either."""
    out: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            out.append(re.escape(next(characters, "")))
        else:
            out.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return re.compile("".join(out), re.DOTALL)
