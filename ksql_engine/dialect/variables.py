"""`${name}` in statements: values of DEFINE and of a request's session variables put in before a statement is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.cursor import START
from ksql_engine.dialect.tokens import STRING, VARIABLE, Token, tokenize
from ksql_engine.errors import StatementError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*")
_REFERENCE: Final = re.compile(r"\$\{([^{}\s]*)\}")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def substitute(text: str, variables: Mapping[str, str], start: Place = START) -> str:
    """Return `text` with each known `${name}` replaced, in strings and in place of names and literals.

    A value can stand for one name or one literal, never for more: no statement changes its shape by it. Raises
    StatementError otherwise, and for an unknown name outside of strings; ParseError where `text` is not tokens.
    """
    if "${" not in text:
        return text
    parts: list[str] = []
    at = 0
    for token in tokenize(text, start.line, start.column):
        parts.append(text[at : token.start])
        parts.append(_replaced(text[token.start : token.end], token, variables))
        at = token.end
    return "".join(parts)


def _replaced(raw: str, token: Token, variables: Mapping[str, str]) -> str:
    if token.kind == STRING:
        return _REFERENCE.sub(lambda match: _quoted(variables.get(match.group(1)), match.group()), raw)
    if token.kind != VARIABLE:
        return raw
    value = variables.get(raw[2:-1], raw)
    if _is_string(value):
        return "'" + value[1:-1].replace("''", "'").replace("'", "''") + "'"
    if _NAME.fullmatch(_unquoted(value)) or _NUMBER.fullmatch(value):
        return value
    raise StatementError(
        f"Illegal argument at Line: {token.line}, Col: {token.column}. Identifier names cannot start with '@' and may "
        f"only contain alphanumeric values and '_'. Got: '{value}'"
    )


def _quoted(value: str | None, reference: str) -> str:
    return reference if value is None else value.replace("'", "''")


def _is_string(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] == "'"


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in '`"'
    return value[1:-1] if quoted else value
