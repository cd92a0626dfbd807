"""A reading position in a token list: what every part of the parser is built on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ksql_engine.dialect.ast import Place
from ksql_engine.dialect.tokens import DECIMAL, END, INTEGER, QUOTED, STRING, SYMBOL, WORD, Token, tokenize
from ksql_engine.errors import ParseError
from ksql_engine.types import SqlType

RESERVED: Final = frozenset(
    [
        "SELECT",
        "FROM",
        "AS",
        "ALL",
        "DISTINCT",
        "WHERE",
        "WITHIN",
        "WINDOW",
        "GROUP",
        "BY",
        "HAVING",
        "LIMIT",
        "AT",
        "OR",
        "AND",
        "IN",
        "NOT",
        "EXISTS",
        "BETWEEN",
        "LIKE",
        "IS",
        "NULL",
        "TRUE",
        "FALSE",
        "MILLISECOND",
        "YEARS",
        "MONTHS",
        "DAYS",
        "HOURS",
        "MINUTES",
        "SECONDS",
        "MILLISECONDS",
        "TUMBLING",
        "HOPPING",
        "SIZE",
        "ADVANCE",
        "RETENTION",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "JOIN",
        "FULL",
        "OUTER",
        "INNER",
        "LEFT",
        "RIGHT",
        "ON",
        "WITH",
        "VALUES",
        "CREATE",
        "TABLE",
        "TOPIC",
        "STREAM",
        "STREAMS",
        "INSERT",
        "DELETE",
        "INTO",
        "DESCRIBE",
        "EXTENDED",
        "PRINT",
        "CAST",
        "LIST",
        "TOPICS",
        "QUERY",
        "QUERIES",
        "TERMINATE",
        "PAUSE",
        "RESUME",
        "LOAD",
        "DROP",
        "TO",
        "RENAME",
        "SAMPLE",
        "EXPORT",
        "CATALOG",
        "PROPERTIES",
        "BEGINNING",
        "UNSET",
        "RUN",
        "SCRIPT",
        "DECIMAL",
        "CONNECTOR",
        "CONNECTORS",
        "NAMESPACE",
        "MATERIALIZED",
        "VIEW",
    ]
)
"""The keywords that no name is without quotes (grammar of ksqlDB)."""

START: Final = Place(1, 1)
UNIT_MILLIS: Final = {
    "MILLISECOND": 1,
    "SECOND": 1000,
    "MINUTE": 60_000,
    "HOUR": 3_600_000,
    "DAY": 86_400_000,
    "MONTH": 0,
    "YEAR": 0,
}


class Cursor:
    """Tokens with a position; the `take_*` and `expect_*` methods move it, the others only look."""

    def __init__(self, text: str, types: Mapping[str, SqlType] | None = None, start: Place = START) -> None:
        """Read `text`, which begins at `start`; `types` are the custom types by name."""
        self.text = text
        self.types: Mapping[str, SqlType] = types or {}
        self._tokens = tokenize(text, start.line, start.column)
        self._at = 0

    @property
    def token(self) -> Token:
        """The token at the position."""
        return self._tokens[self._at]

    @property
    def previous(self) -> Token:
        """The token before the position."""
        return self._tokens[max(self._at - 1, 0)]

    def ahead(self, distance: int) -> Token:
        """The token `distance` places further on, or the end."""
        return self._tokens[min(self._at + distance, len(self._tokens) - 1)]

    @property
    def place(self) -> Place:
        """Line and column of the position."""
        return Place(self.token.line, self.token.column)

    @property
    def at_end(self) -> bool:
        """Whether all text was read."""
        return self.token.kind == END

    def advance(self) -> Token:
        """Move past a token and return it."""
        token = self.token
        if token.kind != END:
            self._at += 1
        return token

    def error(self, expected: str) -> ParseError:
        """Return the error that says what was expected at the position."""
        return self.refuse(f"Expecting {expected}")

    def refuse(self, detail: str) -> ParseError:
        """Return the error that says what is wrong at the position."""
        return ParseError(self.token.line, self.token.column, detail, self.text)

    @property
    def shown(self) -> str:
        """The token at the position as messages quote it."""
        token = self.token
        return "'<EOF>'" if token.kind == END else f"'{self.text[token.start : token.end]}'"

    def is_word(self, *words: str) -> bool:
        """Tell whether the next tokens are these keywords."""
        return all(
            self.ahead(place).kind == WORD and self.ahead(place).text == word for place, word in enumerate(words)
        )

    def is_symbol(self, symbol: str) -> bool:
        """Tell whether the next token is this symbol."""
        return self.token.kind == SYMBOL and self.token.text == symbol

    def take_word(self, *words: str) -> bool:
        """Move past these keywords if they are next."""
        if not self.is_word(*words):
            return False
        self._at += len(words)
        return True

    def take_symbol(self, symbol: str) -> bool:
        """Move past this symbol if it is next."""
        if not self.is_symbol(symbol):
            return False
        self._at += 1
        return True

    def expect_word(self, *words: str) -> None:
        """Move past these keywords; raises ParseError otherwise."""
        if not self.take_word(*words):
            raise self.error(f"'{' '.join(words)}'")

    def expect_symbol(self, symbol: str) -> None:
        """Move past this symbol; raises ParseError otherwise."""
        if not self.take_symbol(symbol):
            raise self.refuse(f"missing '{symbol}' at {self.shown}")

    def one_of(self, *words: str) -> str:
        """Move past one of these keywords and return it; raises ParseError otherwise."""
        for word in words:
            if self.take_word(word):
                return word
        raise self.error("{" + ", ".join(f"'{word}'" for word in words) + "}")

    def is_identifier(self) -> bool:
        """Tell whether a name is next."""
        return self.token.kind == QUOTED or (self.token.kind == WORD and self.token.text not in RESERVED)

    def identifier(self, what: str = "a name") -> str:
        """Move past a name and return it: upper case unless it was quoted."""
        if self.token.kind == WORD and self.token.text in RESERVED:
            word = self.text[self.token.start : self.token.end]
            raise self.refuse(
                f'"{word}" is a reserved keyword and it can\'t be used as an identifier. '
                f"You can use it as an identifier by escaping it as '{word}'"
            )
        if not self.is_identifier():
            raise self.error(what)
        return self.advance().text

    def topic_name(self) -> str:
        """Move past a topic's name, quoted or bare (kept as written), and return it."""
        first = self.token
        if first.kind in (QUOTED, STRING):
            return self.advance().text
        self.identifier("a topic")
        while self.token.start == self.previous.end and self.token.text in (".", "-"):
            self.advance()
            self.advance()
        return self.text[first.start : self.previous.end]

    def string(self) -> str:
        """Move past a string literal and return its content."""
        if self.token.kind != STRING:
            raise self.error("a string in single quotes")
        return self.advance().text

    def integer(self) -> int:
        """Move past an integer and return it."""
        if self.token.kind != INTEGER:
            raise self.error("an integer")
        return int(self.advance().text)

    def duration(self) -> int:
        """Move past `n unit` and return milliseconds."""
        count = self.integer()
        unit = self.advance().text
        millis = UNIT_MILLIS.get(unit.removesuffix("S"))
        if not millis:
            self._at -= 1
            raise self.error("a unit of time")
        return count * millis

    def property_value(self) -> str | int | bool:
        """Move past a literal used as a property's value and return it."""
        token = self.token
        if token.kind == STRING:
            return self.advance().text
        if token.kind == INTEGER:
            return int(self.advance().text)
        if token.kind == DECIMAL:
            return self.advance().text
        if self.take_symbol("-"):
            return -self.integer()
        if self.is_word("TRUE") or self.is_word("FALSE"):
            return self.advance().text == "TRUE"
        raise self.error("a value")

    def advance_name(self) -> str:
        """Move past the name of a field or column and return it."""
        return self.identifier()

    def mark(self) -> int:
        """Return the position, for `back_to`."""
        return self._at

    def back_to(self, mark: int) -> None:
        """Return to a position from `mark`."""
        self._at = mark
