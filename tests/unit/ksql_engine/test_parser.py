"""Text to statements, and where errors are found."""

# ruff: noqa: S608 - statements are made of test data
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksql_engine.dialect import ast
from ksql_engine.dialect.parser import parse_statement, split_statements, split_with_places
from ksql_engine.dialect.statements import (
    AlterSource,
    AssertSchema,
    AssertTopic,
    CreateAsSelect,
    CreateSource,
    DropSource,
    Explain,
    InsertValues,
    QueryControl,
    SelectStatement,
    Show,
)
from ksql_engine.dialect.text import expression_text
from ksql_engine.dialect.variables import substitute
from ksql_engine.errors import ParseError, PrepareError, StatementError


def shown(text: str) -> str:
    """The WHERE of a query, as messages quote it."""
    statement = parse_statement(f"SELECT a FROM s WHERE {text} EMIT CHANGES;")
    assert isinstance(statement, SelectStatement)
    assert statement.query.where is not None
    return expression_text(statement.query.where)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1 or b = 2 and c = 3", "((A = 1) OR ((B = 2) AND (C = 3)))"),
        ("not a = 1 and b = 2", "((NOT (A = 1)) AND (B = 2))"),
        ("a + b * c - d > 0", "(((A + (B * C)) - D) > 0)"),
        ("-a * -1 < 2", "((-A * -1) < 2)"),
        ("a not between 1 and 2", "(NOT (A BETWEEN 1 AND 2))"),
        ("a in ('x', 'it''s')", "(A IN ('x', 'it''s'))"),
        ("`lower` is not null", "(`lower` IS NOT NULL)"),
        ("s.a->b->c[1]['k'] = 'x'", "(S.A->B->C[1]['k'] = 'x')"),
        ("a is distinct from b", "(A IS DISTINCT FROM B)"),
        ("a like 'x!%' escape '!'", "(A LIKE 'x!%' ESCAPE '!')"),
        ("case when a > 1 then true else false end", "(CASE WHEN (A > 1) THEN true ELSE false END)"),
        ("reduce(x, 0, (s, i) => s + i) > 1", "(REDUCE(X, 0, (S, I) => (S + I)) > 1)"),
        ("a || 'b' = 'c'", "(CONCAT(A, 'b') = 'c')"),
        ("cast(a as decimal(4, 2)) = 1.50", "(CAST(A AS DECIMAL(4, 2)) = 1.50)"),
    ],
)
def test_precedence_and_forms(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT a FROM s ORDER BY a;", 1, 23),
        ("CREATE\n  VIEW v;", 2, 3),
        ("SELECT a,\n  FROM s;", 2, 3),
        ("SELECT 'open FROM s;", 1, 8),
        ("SELECT a FROM (SELECT b FROM c);", 1, 15),
        ("SELECT a FROM s UNION SELECT b FROM t;", 1, 23),
        ("CREATE STREAM s (a INT) WITH (X=1, X=2);", 1, 36),
        ("DROP STREAM s DELETE;", 1, 15),
        ("SELECT a FROM s WINDOW TUMBLING (SIZE 1 PARSEC) GROUP BY a;", 1, 41),
        ("SELECT a AT TIME ZONE 'UTC' FROM s;", 1, 10),
        ("SELECT DATE '2020-01-01' FROM s;", 1, 13),
        ("", 1, 1),
    ],
)
def test_errors_have_their_place(text: str, line: int, column: int) -> None:
    with pytest.raises(ParseError) as found:
        parse_statement(text)
    assert (found.value.line, found.value.column) == (line, column)
    assert str(found.value).startswith(f"line {line}:{column}: Syntax Error")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE STREAM s (a FOO) WITH (KAFKA_TOPIC='t');", "line 1:20: Cannot resolve unknown type or alias: FOO"),
        ("CREATE STREAM s (a DECIMAL(2, 3));", "line 1:27: DECIMAL precision must be >= scale: DECIMAL(2,3)"),
        ("SELECT 99999999999999999999 FROM s;", "line 1:9: Invalid numeric literal: 99999999999999999999"),
        ("SELECT 1.8E308 FROM s;", "line 1:9: Number overflows DOUBLE: 1.8E308"),
        ("SELECT a FROM s LIMIT 2.5;", "Value must be integer for command: LIMIT"),
        ("INSERT INTO s (a) VALUES (1, 2);", "Expected number columns and values to match: 1, 2"),
    ],
)
def test_what_is_wrong_in_itself_is_no_syntax_error(text: str, message: str) -> None:
    with pytest.raises(PrepareError) as found:
        parse_statement(text)
    assert str(found.value) == f"Failed to prepare statement: {message}"


def test_places_count_from_the_start_of_the_whole_text() -> None:
    statement, place = split_with_places("SHOW STREAMS;\n  SELECT , FROM s;")[1]
    with pytest.raises(ParseError) as found:
        parse_statement(statement, start=place)
    assert (found.value.line, found.value.column) == (2, 10)
    assert str(found.value).endswith("Statement: SELECT , FROM s;")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("SHOW ${what};", "SHOW STREAMS;"),
        (
            "CREATE STREAM ${name} (a INT) WITH (KAFKA_TOPIC='${topic}-x');",
            "CREATE STREAM n1 (a INT) WITH (KAFKA_TOPIC='it''s-x');",
        ),
        ("SELECT '${unknown}', ${text}, ${number} FROM s;", "SELECT '${unknown}', 'it''s', -1.5 FROM s;"),
        ("SELECT a -- ${what}\nFROM s;", "SELECT a -- ${what}\nFROM s;"),
    ],
)
def test_variables_stand_for_one_name_or_one_literal(text: str, made: str) -> None:
    known = {"what": "STREAMS", "name": "n1", "topic": "it's", "text": "'it''s'", "number": "-1.5"}
    assert substitute(text, known) == made


@pytest.mark.parametrize("value", ["a; DROP STREAM s", "1 OR 1 = 1", "", "@x"])
def test_a_variable_cannot_change_the_shape_of_a_statement(value: str) -> None:
    with pytest.raises(StatementError):
        parse_statement(substitute("SELECT a FROM s WHERE a = ${x};", {"x": value}))


@pytest.mark.parametrize(
    "text",
    [
        "CREATE SOURCE CONNECTOR c WITH ('a'='b');",
        "CREATE SINK CONNECTOR c WITH ('a'='b');",
        "DROP CONNECTOR c;",
        "DESCRIBE CONNECTOR c;",
        "SHOW CONNECTORS;",
        "SHOW CONNECTOR PLUGINS;",
        "ALTER SYSTEM 'a'='b';",
        "ASSERT VALUES s (a) VALUES (1);",
    ],
)
def test_statements_of_other_parts_of_ksqldb_are_refused(text: str) -> None:
    with pytest.raises(StatementError):
        parse_statement(text)


def test_statements_about_columns_topics_and_schemas() -> None:
    source = parse_statement(
        "CREATE STREAM s (k INT KEY, a BYTES HEADER('x'), h BYTES HEADERS) WITH (KAFKA_TOPIC='t');"
    )
    assert isinstance(source, CreateSource)
    assert [(column.role, column.header) for column in source.columns] == [
        ("KEY", None),
        ("HEADERS", "x"),
        ("HEADERS", None),
    ]
    alter = parse_statement("ALTER STREAM s ADD COLUMN a INT, ADD b VARCHAR(STRING);")
    assert isinstance(alter, AlterSource)
    assert [(column.name, str(column.type)) for column in alter.columns] == [("A", "INTEGER"), ("B", "STRING")]
    topic = parse_statement("ASSERT NOT EXISTS TOPIC 'a-b' WITH (PARTITIONS=2) TIMEOUT 3 SECONDS;")
    assert isinstance(topic, AssertTopic)
    assert (topic.topic, topic.properties, topic.exists, topic.timeout) == ("a-b", {"PARTITIONS": 2}, False, 3000)
    schema = parse_statement("ASSERT SCHEMA SUBJECT a-value ID 3;")
    assert isinstance(schema, AssertSchema)
    assert (schema.subject, schema.schema_id, schema.exists, schema.timeout) == ("a-value", 3, True, 1000)


def test_statements_are_split_with_their_text() -> None:
    text = "-- first\nCREATE STREAM a (b INT) WITH (KAFKA_TOPIC='x;y'); /* ; */ SHOW STREAMS;"
    assert split_statements(text) == ["CREATE STREAM a (b INT) WITH (KAFKA_TOPIC='x;y');", "SHOW STREAMS;"]
    with pytest.raises(ParseError):
        split_statements("SHOW STREAMS")


def test_kinds_of_statements() -> None:
    create = parse_statement("create or replace table `t` (id int primary key, v string) with (kafka_topic='t');")
    assert isinstance(create, CreateSource)
    assert (create.name, create.or_replace, create.columns[0].role) == ("t", True, "PRIMARY KEY")
    query = parse_statement("CREATE TABLE IF NOT EXISTS t WITH (PARTITIONS=2) AS SELECT a, SUM(b) c FROM s GROUP BY a")
    assert isinstance(query, CreateAsSelect)
    assert query.query.items[1].alias == "C"
    insert = parse_statement("INSERT INTO s (a, b) VALUES (-1, 'x');")
    assert isinstance(insert, InsertValues)
    assert insert.values[0] == ast.Literal(-1, insert.values[0].type)  # type: ignore[attr-defined] # a literal has one
    drop = parse_statement("DROP TABLE IF EXISTS t DELETE TOPIC;")
    assert isinstance(drop, DropSource)
    assert drop.if_exists
    assert drop.delete_topic
    assert parse_statement("TERMINATE CTAS_x_1;") == QueryControl(
        action="TERMINATE", query_id="CTAS_x_1", text="TERMINATE CTAS_x_1;"
    )
    assert isinstance(parse_statement("LIST TOPICS EXTENDED;"), Show)
    explained = parse_statement("EXPLAIN SELECT a FROM s EMIT CHANGES;")
    assert isinstance(explained, Explain)
    assert explained.statement is not None
    assert explained.statement.text == "SELECT a FROM s EMIT CHANGES;"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="SELECT FROMab*(),;'`\"->=[]1.\n-", max_size=60))
def test_any_text_is_a_statement_or_an_error_with_a_place(text: str) -> None:
    try:
        parse_statement(text)
    except PrepareError as error:
        assert str(error).startswith("Failed to prepare statement: ")
    except ParseError as error:
        assert error.line >= 1
        assert error.column >= 1


@pytest.mark.parametrize("name", ["partition", "emit", "changes", "key", "id", "source", "date", "`from`", '"at"'])
def test_words_that_are_names_too(name: str) -> None:
    items = f"{name}, s.{name}->{name} AS {name}"
    statement = parse_statement(f"SELECT {items} FROM {name} s PARTITION BY {name} EMIT CHANGES;")
    assert isinstance(statement, SelectStatement)
    query = statement.query
    assert (query.source.alias, len(query.partition_by), query.emit) == ("S", 1, "CHANGES")
    bare = parse_statement(f"SELECT * FROM {name} PARTITION BY a EMIT CHANGES;")
    assert isinstance(bare, SelectStatement)
    assert bare.query.source.alias == bare.query.source.name


@pytest.mark.parametrize("name", ["from", "At", "topic", "values", "size"])
def test_keywords_need_quotes_to_be_names(name: str) -> None:
    with pytest.raises(ParseError, match=f'line 1:8: Syntax Error\n"{name}" is a reserved keyword'):
        parse_statement(f"SELECT {name} FROM s;")
