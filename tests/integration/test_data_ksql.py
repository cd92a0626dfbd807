"""The lab's own SQL, applied with ksql-python to the embedded engine on a real broker."""

import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka.admin import AdminClient

from contracts.marketing import CUSTOMER_CONSOLIDATED, MARKETING
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.errors import NotReplaceable, StatementError
from scripts.bootstrap.ksql import KSQL_DIR, apply_ksql, reset_ksql
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.ksql_client import connect, execute, query

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, engine: "subprocess.Popen[bytes]", deadline_s: float = 60) -> None:
    deadline = time.monotonic() + deadline_s
    while True:
        assert engine.poll() is None, "the engine ended"
        assert time.monotonic() < deadline, "the engine is not ready"
        try:
            if requests.get(f"{url}/info", timeout=1).json()["KsqlServerInfo"]["serverStatus"] == "RUNNING":
                return
        except (requests.RequestException, ValueError, KeyError):
            pass
        time.sleep(0.1)


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Iterator[Settings]:
    """The running services and an engine of the test's own."""
    running: Settings = lab_services.settings
    ensure_topics(running, MARKETING)
    ensure_schemas(running, MARKETING)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = {
        "--port": str(port),
        "--bootstrap": running.bootstrap,
        "--registry-url": running.registry_url,
        "--state-dir": str(tmp_path / "ksql"),
        "--service-id": f"test_{uuid.uuid4().hex[:8]}_",
    }
    command = [sys.executable, "-m", "ksql_engine", *(word for pair in arguments.items() for word in pair)]
    engine = subprocess.Popen(command, cwd=PROJECT_DIR)
    try:
        wait_until_ready(url, engine)
        yield running.model_copy(update={"home": tmp_path, "ksql_server": url})
    finally:
        engine.terminate()
        try:
            engine.wait(15)
        except subprocess.TimeoutExpired:
            engine.kill()


def edited(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """A copy of the lab's SQL files with one change."""
    folder = tmp_path / "edited"
    shutil.copytree(KSQL_DIR / MARKETING.name, folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    return folder


def test_the_labs_sql_is_applied_left_alone_and_reset(settings: Settings, tmp_path: Path) -> None:
    assert apply_ksql(settings, MARKETING).changed == 14
    second = apply_ksql(settings, MARKETING)
    assert second.changed == 0
    assert all(line.endswith(" unchanged") for line in second.lines)

    shutil.rmtree(settings.data_dir / "applied_sql")
    assert apply_ksql(settings, MARKETING).changed == 0, "the engine shows statements as they were sent"

    api = connect(settings)
    assert isinstance(list(query(api, "SELECT * FROM customer_consolidated LIMIT 1;")), list)

    report = reset_ksql(settings, MARKETING, confirm=lambda what: CUSTOMER_CONSOLIDATED.name in what)
    assert report.changed == 14
    for kind in ("streams", "tables"):
        assert execute(api, f"SHOW {kind.upper()};")[0][kind] == []
    left = AdminClient(settings.kafka_client).list_topics(timeout=10).topics
    assert CUSTOMER_CONSOLIDATED.name not in left

    assert ensure_topics(settings, MARKETING).changed > 0
    assert apply_ksql(settings, MARKETING).changed == 14
    reset_ksql(settings, MARKETING, confirm=lambda _: True)


def test_a_change_that_cannot_be_made_in_place_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    """A table cannot lose a column that is already in its topic."""
    apply_ksql(settings, MARKETING)
    folder = edited(tmp_path, "02_orders.sql", "COUNT(*) AS `order_count`", "COUNT(*) AS `orders`")
    with pytest.raises(NotReplaceable, match=r"02_orders\.sql: ORDER_SUMS .*make ksql-reset"):
        apply_ksql(settings, MARKETING, folder=folder)
    assert apply_ksql(settings, MARKETING).changed == 0, "what was refused changed nothing"
    reset_ksql(settings, MARKETING, confirm=lambda _: True)


def test_a_change_that_can_be_made_in_place_is_made(settings: Settings, tmp_path: Path) -> None:
    apply_ksql(settings, MARKETING)
    folder = edited(tmp_path, "05_segments.sql", ">= 20000 THEN 'vip'", ">= 30000 THEN 'vip'")
    report = apply_ksql(settings, MARKETING, folder=folder)
    assert (report.changed, report.lines[-1]) == (1, "05_segments.sql: table SEGMENT_MATERIALIZED replaced")
    assert apply_ksql(settings, MARKETING, folder=folder).changed == 0
    reset_ksql(settings, MARKETING, confirm=lambda _: True)


def test_a_statement_on_a_topic_that_is_not_there_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    properties = f"KAFKA_TOPIC='none.{uuid.uuid4().hex}', VALUE_FORMAT='JSON'"
    sql = f"CREATE STREAM nothing (k VARCHAR KEY, v INT) WITH ({properties});"
    (tmp_path / "01_none.sql").write_text(sql, "utf-8")
    with pytest.raises(StatementError, match=r"01_none\.sql: NOTHING was refused: .*none\."):
        apply_ksql(settings, replace(MARKETING, name="none"), folder=tmp_path)
