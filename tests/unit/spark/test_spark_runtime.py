"""The plumbing that needs no Spark: locks, progress, answers of the registry, update rules."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from contracts.marketing import GOLD_CUSTOMER_360, MARKETING, SILVER_ORDERS
from contracts.settings import Settings
from spark.marketing.score_and_publish import HOUR_S
from spark.marketing.score_and_publish import STEPS as SCORE_STEPS
from spark.pipeline import STEPS
from spark.runtime.advance import Stepper
from spark.runtime.errors import DependencyDown, TableBusy
from spark.runtime.ingestion import offsets_of, offsets_taken
from spark.runtime.kafka import spark_options
from spark.runtime.locks import TableLocks
from spark.runtime.merging import Differs, Newer
from spark.runtime.progress import Progress
from spark.runtime.registry import SchemaIds
from spark.runtime.steps import Ingest, Publish, Recompute, tables_read, tables_written
from spark.runtime.turns import Quiet


def test_a_table_has_one_writer(tmp_path: Path) -> None:
    first, second = TableLocks(tmp_path, "spark"), TableLocks(tmp_path, "spark-gold_c360")
    first.acquire((GOLD_CUSTOMER_360,))
    with pytest.raises(TableBusy, match=r"gold\.customer_360 is being written by spark \(process \d+\)"):
        second.acquire((GOLD_CUSTOMER_360,))
    second.acquire((SILVER_ORDERS,))


def test_the_jvm_of_a_dead_owner_is_ended(tmp_path: Path) -> None:
    jvm = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = TableLocks(tmp_path, "spark")
    owner.acquire((GOLD_CUSTOMER_360,))
    owner.name_jvm(jvm.pid)
    del owner  # the lock ends with its process, the file stays
    TableLocks(tmp_path, "spark").acquire((GOLD_CUSTOMER_360,))
    jvm.wait(10)
    assert not psutil.pid_exists(jvm.pid)


def test_a_process_that_merely_has_the_same_id_lives(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        file = tmp_path / "locks" / "gold.customer_360.lock"
        file.parent.mkdir()
        file.write_text(json.dumps({"jvm_pid": other.pid, "jvm_started": 1.0}), "utf-8")
        TableLocks(tmp_path, "spark").acquire((GOLD_CUSTOMER_360,))
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(10)


def test_progress_survives_the_process(tmp_path: Path) -> None:
    Progress(tmp_path, "gold").advance({"silver.orders": 4})
    again = Progress(tmp_path, "gold")
    assert (again.next_version("silver.orders"), again.next_version("silver.customers")) == (5, 1)


def test_a_restart_does_not_bring_the_clock_forward(tmp_path: Path) -> None:
    step = next(step for step in SCORE_STEPS if isinstance(step, Recompute))
    now_ms = time.time_ns() // 1_000_000

    def waits_s(all_keys_at_ms: int | None) -> float:
        Progress(tmp_path, step.name).advance({}, all_keys_at_ms)
        waits = Stepper(step, None, Progress(tmp_path, step.name), None).seconds_to_clock()  # type: ignore[arg-type]  # the clock reads no table
        assert waits is not None
        return waits

    assert HOUR_S - 60 < waits_s(None) <= HOUR_S
    assert HOUR_S - 660 < waits_s(now_ms - 600_000) <= HOUR_S - 600
    assert 60 < waits_s(now_ms - 9_000_000) <= 120, "what is overdue waits until the start is over"


def test_offsets_are_those_of_the_last_finished_batch(tmp_path: Path) -> None:
    for folder, names in (("offsets", "012"), ("commits", "01")):
        (tmp_path / folder).mkdir()
        for name in names:
            topics = json.dumps({"orders": {"0": int(name) * 10, "1": 5}})
            (tmp_path / folder / name).write_text(f"v1\n{{}}\n{topics}", "utf-8")
    assert offsets_taken(tmp_path) == {"orders:0": 10, "orders:1": 5}


class Answers(BaseHTTPRequestHandler):
    """Schema 1 is there, 2 is not, 3 is no Avro, 4 meets a server that is still starting."""

    def do_GET(self) -> None:
        number = int(self.path.rpartition("/")[2])
        status, body = {
            1: (200, '{"schema": "{\\"type\\": \\"record\\", \\"name\\": \\"a\\", \\"fields\\": []}"}'),
            2: (404, '{"error_code": 40403, "message": "none"}'),
            3: (200, '{"schema": "{}", "schemaType": "JSON"}'),
            4: (404, "<html>starting</html>"),
        }[number]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_only_a_definite_no_makes_an_id_unknown(registry: str) -> None:
    ids = SchemaIds(registry)
    assert ids.learn({1, 2, 3, -7}) == {2, -7}
    assert ids.known().keys() == {1, 3}
    assert ids.known()[3] is None
    with pytest.raises(DependencyDown, match="404"):
        ids.learn({4})


def test_a_registry_that_is_away_decides_nothing() -> None:
    with pytest.raises(DependencyDown, match="does not answer"):
        SchemaIds("http://127.0.0.1:9").learn({1})


@pytest.mark.parametrize(
    ("new", "old", "newer", "differs"), [(2, 1, True, True), (1, 1, False, False), (1, 2, False, True)]
)
def test_update_rules(new: int, old: int, newer: bool, differs: bool) -> None:
    assert Newer("a").holds(pa.table({"a": [new]}), pa.table({"a": [old]})).to_pylist() == [newer]
    assert Differs(("a",)).holds(pa.table({"a": [new]}), pa.table({"a": [old]})).to_pylist() == [differs]


@pytest.mark.parametrize(
    ("new", "old", "differs"),
    [
        (None, 1.0, True),
        (1.0, None, True),
        (float("nan"), float("nan"), False),
        (float("nan"), 1.0, True),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "x"}, False),
        ({"a": 1, "b": "x"}, {"a": 1, "b": None}, True),
        ({"a": 1}, None, True),
        ([{"a": 1}], [{"a": 1}], False),
        ([None, 1.0], [None, 1.0], False),
        ([{"a": 1}], [{"a": 2}], True),
    ],
)
def test_rows_differ_as_sql_compares_them(new: Any, old: Any, differs: bool) -> None:
    kind = pa.array([new, old]).type
    (before, after) = (pa.table({"a": pa.array([value], kind)}) for value in (old, new))
    assert Differs(("a",)).holds(after, before).to_pylist() == [differs]
    assert Differs(()).holds(after, before).to_pylist() == [False]


def test_client_properties_in_sparks_words() -> None:
    secured = {"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN", "sasl.username": "u", "sasl.password": "p"}
    options = spark_options(Settings(kafka_bootstrap="broker:1", kafka_security=secured))
    assert options["kafka.bootstrap.servers"] == "broker:1"
    assert options["kafka.sasl.mechanism"] == "PLAIN"
    assert 'PlainLoginModule required username="u" password="p";' in options["kafka.sasl.jaas.config"]


def test_steps_are_what_the_contract_declares() -> None:
    """Each table is written by the job that the contract names, and read by the jobs it names."""
    for step in STEPS:
        for table in tables_written((step,)):
            assert table.writer == step.job
        if not isinstance(step, Ingest) and not (isinstance(step, Publish) and step.reads.writer == step.job):
            for table in tables_read(step):
                assert step.job in table.readers


def test_lineage_is_declared_as_the_steps_run() -> None:
    """What a table is made from, and where it is published, is what its step reads and writes."""
    for step in STEPS:
        if isinstance(step, Ingest):
            assert [source.table.sources for source in step.sources] == [(topic,) for topic in step.reads]
            assert step.quarantine.sources == step.reads
        elif isinstance(step, Publish):
            assert step.reads.topic == step.topic
        else:
            assert step.writes.sources == tables_read(step)
    published = {step.reads for step in STEPS if isinstance(step, Publish)}
    assert {table for table in MARKETING.tables if table.topic} == published
    assert set(tables_written(STEPS)) == set(MARKETING.tables)


def test_a_batch_says_which_offsets_it_took_in(tmp_path: Path) -> None:
    (tmp_path / "offsets").mkdir()
    for name, last in (("0", 3), ("1", 7)):
        topics = json.dumps({"orders": {"0": last, "1": 5}})
        (tmp_path / "offsets" / name).write_text(f"v1\n{{}}\n{topics}", "utf-8")
    assert offsets_of(tmp_path, 0) == {"orders": {"0": (0, 3), "1": (0, 5)}}
    assert offsets_of(tmp_path, 1) == {"orders": {"0": (3, 7)}}


def test_quiet_waits_for_urgent_work() -> None:
    quiet = Quiet()
    assert quiet.wait(0.0)
    with quiet.busy():
        assert not quiet.wait(0.01)
    assert quiet.wait(0.0)
