"""Text to tokens, each with its place (ksqlDB reference, "Lexical structure")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ksql_engine.errors import ParseError

WORD, QUOTED, STRING, VARIABLE, INTEGER, DECIMAL, FLOAT, SYMBOL, END = (
    "word",
    "quoted",
    "string",
    "variable",
    "integer",
    "decimal",
    "float",
    "symbol",
    "end",
)

_PATTERN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<float>(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d+)
      | (?P<decimal>\d+\.\d*|\.\d+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_@]*|\d+[A-Za-z_@][A-Za-z0-9_@]*)
      | (?P<integer>\d+)
      | (?P<string>'(?:[^']|'')*')
      | (?P<quoted>`(?:[^`]|``)*`|"(?:[^"]|"")*")
      | (?P<variable>\$\{[^{}\s]*\})
      | (?P<symbol>->|=>|:=|<>|!=|<=|>=|\|\||[-+*/%=<>().,;\[\]:])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One lexical unit; `text` is upper case for words, unquoted for names and strings; `start`, `end` are offsets."""

    kind: str
    text: str
    start: int
    end: int
    line: int
    column: int


def tokenize(text: str, line: int = 1, column: int = 1) -> list[Token]:
    """Return the tokens of `text`, which begins at `line` and `column`, the last one of kind END.

    Raises ParseError at the first character that begins no token.
    """
    tokens: list[Token] = []
    offset, line_start = 0, 1 - column
    while offset < len(text):
        match = _PATTERN.match(text, offset)
        if match is None:
            raise ParseError(line, offset - line_start + 1, _unexpected(text[offset]), text)
        kind, raw = str(match.lastgroup), match.group()
        if kind != "space":
            tokens.append(Token(kind, _content(kind, raw), offset, match.end(), line, offset - line_start + 1))
        newlines = raw.count("\n")
        if newlines:
            line += newlines
            line_start = offset + raw.rindex("\n") + 1
        offset = match.end()
    tokens.append(Token(END, "<EOF>", offset, offset, line, offset - line_start + 1))
    return tokens


def _content(kind: str, raw: str) -> str:
    if kind == WORD:
        return raw.upper()
    if kind in (STRING, QUOTED):
        quote = raw[0]
        return raw[1:-1].replace(quote * 2, quote)
    return raw


def _unexpected(character: str) -> str:
    if character in "'`\"":
        return f"Unterminated {character}: the closing quote is missing"
    return f"Unexpected character '{character}'"
