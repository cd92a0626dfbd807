"""Reads ksqlDB SQL files: splits statements, says what each creates, compares two texts. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path

from scripts.bootstrap.errors import StatementError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>`(?:[^`]|``)*`|"(?:[^"]|"")*")
    | (?P<word>\w+)
    | (?P<sign><>|<=|>=|!=|=>|->|:=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CREATE = re.compile(
    r"CREATE (?:OR REPLACE )?(?:SOURCE )?(?P<kind>STREAM|TABLE) (?:IF NOT EXISTS )?(?P<name>\S+) (?P<rest>.*)"
)


@dataclass(frozen=True)
class Statement:
    """A CREATE STREAM or CREATE TABLE statement.

    `kind` is "STREAM" or "TABLE", `name` as the server spells it; `topic` is its Kafka topic, None where the
    statement leaves that to the server. `is_query` is true for CREATE … AS SELECT.
    """

    kind: str
    name: str
    text: str
    is_query: bool
    topic: str | None
    place: str

    @property
    def replacing(self) -> str:
        """The statement as CREATE OR REPLACE."""
        return re.sub(r"^\s*CREATE\s+(?!OR\s)", "CREATE OR REPLACE ", self.text, count=1, flags=re.IGNORECASE)


def tokens(sql: str) -> list[str]:
    """The words and signs of `sql`: upper case where not quoted, comments and white space left out."""
    return [
        match.group().upper() if match.lastgroup == "word" else match.group()
        for match in _TOKEN.finditer(sql)
        if match.lastgroup != "space"
    ]


def same_statement(one: str, other: str) -> bool:
    """Whether two texts say the same, whatever their case, spacing, comments, OR REPLACE and IF NOT EXISTS."""
    return _essence(one) == _essence(other)


def _essence(sql: str) -> str:
    joined = " ".join(tokens(sql)).rstrip("; ")
    return re.sub(r"^CREATE OR REPLACE ", "CREATE ", joined).replace(" IF NOT EXISTS ", " ", 1)


def split(sql: str) -> list[str]:
    """The statements of `sql`, each without its leading comments and its closing semicolon."""
    statements, start = [], 0
    for match in _TOKEN.finditer(sql):
        if match.group() == ";":
            statements.append(sql[start : match.start()])
            start = match.end()
    statements.append(sql[start:])
    return [_without_leading_comments(text) for text in statements if tokens(text)]


def _without_leading_comments(text: str) -> str:
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "space":
            return text[match.start() :].rstrip()
    return ""


def read_statements(folder: Path) -> list[Statement]:
    """Every statement of `folder`'s NN_*.sql files, in the order of their numbers.

    Raises:
        StatementError: there is no such file, or one holds something else than CREATE STREAM or CREATE TABLE.
    """
    files = sorted(folder.glob("[0-9][0-9]_*.sql"))
    if not files:
        raise StatementError(f"no NN_*.sql file in {folder}")
    return [parse(text, file.name) for file in files for text in split(file.read_text("utf-8"))]


def parse(text: str, place: str) -> Statement:
    """What one statement creates.

    Raises:
        StatementError: it is not a CREATE STREAM or CREATE TABLE.
    """
    words = tokens(text)
    found = _CREATE.match(" ".join(words) + " ")
    if found is None:
        raise StatementError(
            f"{place}: only CREATE STREAM and CREATE TABLE can be applied again and again, not: {text[:60]!r}"
        )
    name = found["name"]
    return Statement(
        kind=found["kind"],
        name=name[1:-1] if name[0] in '`"' else name,
        text=text + ";",
        is_query="SELECT" in words,
        topic=_topic(words),
        place=place,
    )


def _topic(words: list[str]) -> str | None:
    """The value of the WITH property KAFKA_TOPIC."""
    for at, word in enumerate(words[:-2]):
        if word == "KAFKA_TOPIC" and words[at + 1] == "=":
            return words[at + 2].strip("'")
    return None
