"""ASSERT TOPIC and ASSERT SCHEMA from tokens."""

from __future__ import annotations

from typing import Final

from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.ddl import parse_properties
from ksql_engine.dialect.statements import AssertSchema, AssertTopic, Statement
from ksql_engine.dialect.tokens import QUOTED, STRING, WORD

_TIMEOUT_MS: Final = 1000
_FOR_TESTS: Final = ("VALUES", "NULL", "STREAM", "TABLE")


def parse_assert(cursor: Cursor) -> Statement:
    """Read ASSERT [NOT EXISTS] TOPIC or SCHEMA. Raises ParseError; also for what only ksqlDB's test tool knows."""
    cursor.expect_word("ASSERT")
    token = cursor.token
    if any(cursor.is_word(word) for word in _FOR_TESTS):
        raise cursor.refuse(f"Syntax error at or near '{token.text}' at line {token.line}:{token.column}")
    exists = not cursor.take_word("NOT", "EXISTS")
    if cursor.one_of("TOPIC", "SCHEMA") == "TOPIC":
        topic = cursor.topic_name()
        properties = parse_properties(cursor) if cursor.is_word("WITH") else {}
        return AssertTopic(topic=topic, properties=properties, exists=exists, timeout=_timeout(cursor))
    subject = _subject(cursor) if cursor.take_word("SUBJECT") else None
    schema_id = cursor.integer() if cursor.take_word("ID") else None
    return AssertSchema(subject=subject, schema_id=schema_id, exists=exists, timeout=_timeout(cursor))


def _subject(cursor: Cursor) -> str:
    if cursor.token.kind not in (WORD, QUOTED, STRING):
        raise cursor.error("a subject")
    return cursor.topic_name()


def _timeout(cursor: Cursor) -> int:
    return cursor.duration() if cursor.take_word("TIMEOUT") else _TIMEOUT_MS
