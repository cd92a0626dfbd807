"""Applying SQL files to a server: create, leave alone, replace, refuse, drop."""

import socket
from pathlib import Path
from typing import Any

import pytest

from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.bootstrap.errors import BootstrapError, NotReplaceable, StatementError
from scripts.bootstrap.ksql import PROPERTIES, apply_ksql, ask_on_terminal, reset_ksql

FILES = {
    "02_sums.sql": "CREATE TABLE sums WITH (KAFKA_TOPIC = 's') AS SELECT `k`, COUNT(*) FROM src GROUP BY `k`;",
    "01_src.sql": "-- the source; a comment\nCREATE STREAM src (k VARCHAR KEY) WITH (KAFKA_TOPIC = 'src');\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sql"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def settings(ksql_server: Any, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", ksql_server=ksql_server.url)


def test_statements_are_created_in_the_order_of_the_files(settings: Settings, folder: Path, ksql_server: Any) -> None:
    report = apply_ksql(settings, MARKETING, folder=folder)
    assert report.changed == 2
    assert report.lines == ["01_src.sql: stream SRC created", "02_sums.sql: table SUMS created"]
    assert [sql.split()[2] for sql in ksql_server.statements("CREATE")] == ["src", "sums"]
    assert all(properties == PROPERTIES for sql, properties in ksql_server.asked if sql.startswith("CREATE"))


@pytest.mark.parametrize("spelling", ["{}", "-- as ksqlDB keeps it\n{} WITH DEFAULTS"])
def test_twice_changes_nothing(settings: Settings, folder: Path, ksql_server: Any, spelling: str) -> None:
    """Also on a server that keeps statements in a spelling of its own."""
    ksql_server.spelling = spelling
    apply_ksql(settings, MARKETING, folder=folder)
    sent = len(ksql_server.statements("CREATE"))
    report = apply_ksql(settings, MARKETING, folder=folder)
    assert report.changed == 0
    assert all(line.endswith("unchanged") for line in report.lines)
    assert len(ksql_server.statements("CREATE")) == sent


def test_without_its_memory_a_server_with_its_own_spelling_is_asked_to_replace_once(
    settings: Settings, folder: Path, ksql_server: Any
) -> None:
    """Replacing a statement by itself is harmless; not noticing a change would not be."""
    ksql_server.spelling = "{} WITH DEFAULTS"
    apply_ksql(settings, MARKETING, folder=folder)
    (settings.data_dir / "applied_sql" / "marketing.json").write_text("damaged", "utf-8")
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 2
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 0


def test_layout_case_and_comments_are_no_change(settings: Settings, folder: Path, ksql_server: Any) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    (folder / "01_src.sql").write_text(
        "/* other */ create stream  SRC(k varchar key)\n with (kafka_topic='src') ;", "utf-8"
    )
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 0


def test_a_changed_statement_is_replaced(settings: Settings, folder: Path, ksql_server: Any) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    (folder / "01_src.sql").write_text("CREATE STREAM src (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC = 'src');", "utf-8")
    report = apply_ksql(settings, MARKETING, folder=folder)
    assert (report.changed, report.lines[0]) == (1, "01_src.sql: stream SRC replaced")
    assert ksql_server.statements("CREATE OR REPLACE")[0].startswith("CREATE OR REPLACE STREAM src (k VARCHAR KEY, v")
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 0


def test_a_change_inside_a_text_is_a_change(settings: Settings, folder: Path, ksql_server: Any) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    (folder / "01_src.sql").write_text("CREATE STREAM src (k VARCHAR KEY) WITH (KAFKA_TOPIC = 'SRC');", "utf-8")
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 1


def test_what_cannot_be_replaced_points_at_the_reset(settings: Settings, folder: Path, ksql_server: Any) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    ksql_server.refuses = {"SUMS"}
    (folder / "02_sums.sql").write_text(FILES["02_sums.sql"].replace("COUNT(*)", "MAX(v)"), "utf-8")
    with pytest.raises(NotReplaceable, match=r"02_sums\.sql: SUMS .*Cannot upgrade SUMS: no\..*make ksql-reset"):
        apply_ksql(settings, MARKETING, folder=folder)


def test_a_table_is_not_replaced_by_a_stream(settings: Settings, folder: Path, ksql_server: Any) -> None:
    ksql_server.running["SRC"] = ("TABLE", "CREATE TABLE src (k VARCHAR PRIMARY KEY);")
    with pytest.raises(NotReplaceable, match="it runs as a table"):
        apply_ksql(settings, MARKETING, folder=folder)


def test_a_refused_statement_is_named_with_the_servers_reason(
    settings: Settings, folder: Path, ksql_server: Any
) -> None:
    ksql_server.refuses = {"SRC"}
    with pytest.raises(StatementError, match=r"01_src\.sql: SRC was refused: Cannot upgrade SRC"):
        apply_ksql(settings, MARKETING, folder=folder)


def test_a_reset_drops_last_first_and_only_topics_of_queries(
    settings: Settings, folder: Path, ksql_server: Any
) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    ksql_server.running["OTHER"] = ("STREAM", "CREATE STREAM other (k VARCHAR KEY);")
    shown: list[str] = []
    report = reset_ksql(settings, MARKETING, confirm=lambda what: bool(shown.append(what)) or True, folder=folder)
    assert shown == ["table SUMS and its topic s\nstream SRC"]
    assert report.changed == 2
    assert ksql_server.statements("TERMINATE", "DROP") == [
        "TERMINATE CTAS_SUMS_1;",
        "DROP TABLE IF EXISTS `SUMS` DELETE TOPIC;",
        "DROP STREAM IF EXISTS `SRC`;",
    ]
    assert set(ksql_server.running) == {"OTHER"}
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 2


def test_a_reset_that_is_not_confirmed_deletes_nothing(settings: Settings, folder: Path, ksql_server: Any) -> None:
    apply_ksql(settings, MARKETING, folder=folder)
    report = reset_ksql(settings, MARKETING, confirm=lambda _: False, folder=folder)
    assert (report.changed, report.lines) == (0, ["nothing was deleted"])
    assert set(ksql_server.running) == {"SRC", "SUMS"}


def test_a_reset_of_nothing_asks_nothing(settings: Settings, folder: Path) -> None:
    def never(_: str) -> bool:
        raise AssertionError("asked")

    assert reset_ksql(settings, MARKETING, confirm=never, folder=folder).changed == 0


def test_only_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert ask_on_terminal("stream SRC")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert not ask_on_terminal("stream SRC")
    monkeypatch.setattr("builtins.input", lambda _: "Yes")
    assert ask_on_terminal("stream SRC")


def test_no_server_is_said_with_its_address(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(BootstrapError, match=f"ksql at {url} does not answer"):
        apply_ksql(Settings(home=tmp_path, ksql_server=url), MARKETING, folder=folder)


def test_the_labs_own_files_can_be_applied_twice(settings: Settings, ksql_server: Any) -> None:
    assert apply_ksql(settings, MARKETING).changed == len(ksql_server.running) == 14
    assert apply_ksql(settings, MARKETING).changed == 0
