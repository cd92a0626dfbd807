"""Regular expressions in Java's syntax, and LIKE patterns."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ksql_engine.errors import EvaluationError

_JAVA: Final = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\[pP](?:\{(?P<class>\w+)\}|(?P<letter>\w))|\\.|\(\?<(?![=!])", re.DOTALL
)
_CLASSES: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "A-Za-z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\s",
    "Blank": r" \t",
    "XDigit": "0-9A-Fa-f",
    "ASCII": r"\x00-\x7F",
    "Cntrl": r"\x00-\x1F\x7F",
    "L": r"^\W\d_",
    "IsAlphabetic": r"^\W\d_",
    "N": r"\d",
    "Nd": r"\d",
    "IsDigit": r"\d",
}
_ESCAPES: Final = {
    r"\z": r"\Z",
    r"\Z": r"(?=\n?\Z)",
    r"\h": r"[ \t\xA0]",
    r"\R": r"(?:\r\n|[\n\x0B\f\r\x85])",
    r"\e": r"\x1B",
}


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. Raises EvaluationError when it is not one, or uses what only Java has."""
    try:
        return re.compile(_JAVA.sub(_translated, pattern), re.ASCII)
    except re.error as error:
        raise EvaluationError(f"Invalid regular expression pattern: {pattern}: {error}") from error


def _translated(match: re.Match[str]) -> str:
    text = match.group()
    if text == "(?<":
        return "(?P<"
    if match["quoted"] is not None:
        return re.escape(match["quoted"])
    name = match["class"] or match["letter"]
    if name is None:
        return _ESCAPES.get(text, text)
    inner = _CLASSES.get(name)
    if inner is None:
        raise EvaluationError(f"Unknown character property name {{{name}}}")
    negative = text[1] == "P"
    if inner.startswith("^"):
        return f"[{inner[1:]}]" if negative else f"(?u:[{inner}])"
    return f"[{'^' if negative else ''}{inner}]"


def split_pattern(text: str, pattern: str) -> list[str]:
    """Return the parts between matches; for a pattern that fits nothing at all, without empty parts at the end.

    Raises EvaluationError when it is no pattern.
    """
    compiled = compile_pattern(pattern)
    fits_nothing = compiled.fullmatch("") is not None
    parts, at = [], 0
    for match in compiled.finditer(text):
        if match.end() > match.start() or 0 < match.start() < len(text):
            parts.append(text[at : match.start()])
            at = match.end()
    parts.append(text[at:])
    while fits_nothing and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts


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
