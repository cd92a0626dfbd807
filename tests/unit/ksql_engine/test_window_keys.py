"""Windowed keys: the bytes of Kafka Streams, and what a WITH clause declares."""

from __future__ import annotations

import struct

import pytest

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import CreateSource
from ksql_engine.errors import DeserializationError, StatementError
from ksql_engine.formats.window_keys import windowed_reader, windowed_writer
from ksql_engine.plan.declare import plan_source
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import Source, WindowInfo
from ksql_engine.types import Row


def _read(data: bytes) -> Row:
    return (data.decode(),)


def _write(row: Row) -> bytes:
    return str(row[0]).encode()


def test_a_time_window_writes_its_start_and_reads_its_end_from_the_size() -> None:
    window = WindowInfo("TUMBLING", 10)
    data = windowed_writer(_write, window)(("a", 20, 30))
    assert data == b"a" + struct.pack(">q", 20)
    assert windowed_reader(_read, window)(data) == ("a", 20, 30)


def test_a_session_writes_its_end_before_its_start() -> None:
    window = WindowInfo("SESSION", None)
    data = windowed_writer(_write, window)(("a", 20, 31))
    assert data == b"a" + struct.pack(">qq", 31, 20)
    assert windowed_reader(_read, window)(data) == ("a", 20, 31)


def test_bytes_without_bounds_are_refused() -> None:
    with pytest.raises(DeserializationError, match="at least 8 bytes"):
        windowed_reader(_read, WindowInfo("HOPPING", 10))(b"abc")


def _source(with_clause: str, columns: str = "K STRING KEY, V INT") -> Source:
    text = f"CREATE STREAM S ({columns}) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', {with_clause});"
    statement = parse_statement(text)
    assert isinstance(statement, CreateSource)
    return plan_source(statement, Metastore())


def test_a_with_clause_declares_windows() -> None:
    assert _source("WINDOW_TYPE='tumbling', WINDOW_SIZE='2 minutes'").window == WindowInfo("TUMBLING", 120_000)
    assert _source("WINDOW_TYPE='Session'").window == WindowInfo("SESSION", None)


@pytest.mark.parametrize(
    ("with_clause", "message"),
    [
        ("WINDOW_TYPE='TUMBLING'", "TUMBLING windows require 'WINDOW_SIZE'"),
        ("WINDOW_TYPE='SESSION', WINDOW_SIZE='1 DAY'", "should not be set for SESSION"),
        ("WINDOW_TYPE='SLIDING'", "Unknown window type: 'SLIDING'"),
        ("WINDOW_TYPE='HOPPING', WINDOW_SIZE='one DAY'", "Not numeric: 'one'"),
        ("WINDOW_TYPE='HOPPING', WINDOW_SIZE='1 EON'", "Unknown time unit: 'EON'"),
        ("WINDOW_TYPE='HOPPING', WINDOW_SIZE='1'", "Expected 2 tokens, got: 1"),
    ],
)
def test_wrong_declarations_are_refused(with_clause: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        _source(with_clause)


def test_a_windowed_source_needs_a_key() -> None:
    with pytest.raises(StatementError, match=r"Windowed sources require a key column\."):
        _source("WINDOW_TYPE='SESSION'", "V INT")
