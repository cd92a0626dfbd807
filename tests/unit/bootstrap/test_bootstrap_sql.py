"""Reading SQL files: what counts as a statement, and what as the same one."""

from pathlib import Path

import pytest

from scripts.bootstrap.errors import StatementError
from scripts.bootstrap.sql import parse, read_statements, same_statement, split


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", []),
        ("  -- nothing; here\n/* ; */ ;;", []),
        ("A; B", ["A", "B"]),
        ("A ';' B; C", ["A ';' B", "C"]),
        ("A 'it''s; one' ; C", ["A 'it''s; one'", "C"]),
        ('A `x;y`; "p;q" B', ["A `x;y`", '"p;q" B']),
        ("-- first\nA -- why; not\n + 1;\n/* second; */ B;", ["A -- why; not\n + 1", "B"]),
        ("A '--no comment'; B", ["A '--no comment'", "B"]),
    ],
)
def test_splitting(sql: str, statements: list[str]) -> None:
    assert split(sql) == statements


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("create  stream S (a INT);", "CREATE STREAM s(a int)", True),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "CREATE TABLE IF NOT EXISTS t AS SELECT 1;", True),
        ("CREATE STREAM s WITH (x='a')", "CREATE STREAM s WITH (x='A')", False),
        ("CREATE STREAM `s`", "CREATE STREAM `S`", False),
        ("SELECT a<>b", "SELECT a < > b", False),
        ("SELECT a -- one\n FROM x", "SELECT a /* other */ FROM x", True),
        ("SELECT 1", "SELECT 11", False),
    ],
)
def test_sameness(one: str, other: str, same: bool) -> None:
    assert same_statement(one, other) is same


def test_what_a_statement_creates() -> None:
    statement = parse("create or replace table t with (kafka_topic='x.y', partitions=2) as select 1", "01_a.sql")
    assert (statement.kind, statement.name, statement.topic, statement.is_query) == ("TABLE", "T", "x.y", True)
    assert statement.replacing == statement.text
    quoted = parse("CREATE STREAM `lower` (a INT KEY)", "01_a.sql")
    assert (quoted.name, quoted.topic, quoted.is_query) == ("lower", None, False)
    assert quoted.replacing == "CREATE OR REPLACE STREAM `lower` (a INT KEY);"


def test_other_statements_are_refused_by_name_and_place() -> None:
    with pytest.raises(StatementError, match=r"07_x\.sql: only CREATE STREAM and CREATE TABLE .*INSERT INTO a"):
        parse("INSERT INTO a VALUES (1)", "07_x.sql")


def test_files_go_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "10_b.sql").write_text("CREATE STREAM b;", "utf-8")
    (tmp_path / "02_a.sql").write_text("CREATE STREAM a; CREATE TABLE a2;", "utf-8")
    (tmp_path / "notes.sql").write_text("nonsense", "utf-8")
    assert [(s.name, s.place) for s in read_statements(tmp_path)] == [
        ("A", "02_a.sql"),
        ("A2", "02_a.sql"),
        ("B", "10_b.sql"),
    ]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match=r"no NN_\*\.sql file"):
        read_statements(tmp_path)
