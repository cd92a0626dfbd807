"""The runner of cases: what it reads, how strictly it compares, and that no case can hold it up."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ksql_engine.conformance import pool
from ksql_engine.conformance.__main__ import main
from ksql_engine.conformance.pool import run_item
from ksql_engine.conformance.suite import Item, Selection, load_items
from ksql_engine.driver.cases import Case, expand, without_comments
from ksql_engine.driver.compare import difference
from ksql_engine.driver.run import run_case
from ksql_engine.formats.avro_json import from_avro, to_avro
from ksql_engine.types import DOUBLE, INTEGER, SqlType

COPY = (
    "CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='{FORMAT}');"
    "CREATE STREAM o AS SELECT * FROM s;"
)
IN = [{"topic": "s", "key": "a", "value": {"v": 1}}]
DECIMAL = SqlType("DECIMAL", precision=4, scale=2)


def suite(folder: Path, *tests: dict[str, Any]) -> Path:
    text = json.dumps({"tests": tests}, indent=1)
    (folder / "some.json").write_text("// a comment\n" + text, encoding="utf-8")
    return folder


def copy(**more: Any) -> dict[str, Any]:
    out = [{"topic": "O", "key": "a", "value": {"V": 1}}]
    return {"name": "copy", "statements": [COPY], "format": ["JSON"], "inputs": IN, "outputs": out, **more}


def test_comments_end_with_their_line_but_not_in_strings() -> None:
    assert without_comments('{"a": "x//y", // gone\n "b": "\\"//"}') == '{"a": "x//y", \n "b": "\\"//"}'


def test_formats_and_configurations_make_cases() -> None:
    test = copy(format=["JSON", "AVRO"], config=["true", "false"], properties={"p": "{CONFIG}"})
    cases = list(expand("f", test))
    assert [case.name for case in cases][:2] == ["f: copy [JSON] [true]", "f: copy [JSON] [false]"]
    assert "AVRO" in cases[2].statements
    assert cases[3].properties == {"p": "false"}


@pytest.mark.parametrize(
    ("found", "expected", "kind"),
    [
        (1.0, 1, INTEGER),
        (Decimal("1.1"), Decimal("1.10"), DECIMAL),
        (True, 1, None),
        ("1", 1, None),
        (1.00001, 1.0, DOUBLE),
        ({"A": 1, "B": 2}, {"A": 1}, None),
        ([1], [1, 1], None),
        ({"A": None}, {"A": 0}, None),
    ],
)
def test_what_differs_is_seen(found: Any, expected: Any, kind: SqlType | None) -> None:
    assert difference(found, expected, kind) is not None


@pytest.mark.parametrize(
    ("found", "expected", "kind"),
    [(1.0000001, 1.0, DOUBLE), ({"A": [1]}, {"a": [1]}, None), (float("nan"), float("nan"), DOUBLE), (2, 2, INTEGER)],
)
def test_what_is_the_same_passes(found: Any, expected: Any, kind: SqlType | None) -> None:
    assert difference(found, expected, kind) is None


def test_records_that_differ_are_named() -> None:
    wrong = copy(outputs=[{"topic": "O", "key": "a", "value": {"V": 2}}])
    (case,) = expand("f", wrong)
    assert "V is 1, expected 2" in str(run_case(case))
    (case,) = expand("f", copy(outputs=[{"topic": "O", "key": "a", "value": {"V": 1}}] * 2))
    assert "1 records, expected 2" in str(run_case(case))


def test_a_refusal_passes_only_with_its_message() -> None:
    statements = "CREATE STREAM o AS SELECT * FROM nowhere;"
    assert run_case(Case("c", statements, error="NOWHERE does not exist")) is None
    assert "not 'something else'" in str(run_case(Case("c", statements, error="something else")))
    assert "did not fail" in str(run_case(Case("c", "", error="anything")))


def test_a_case_that_hangs_or_crashes_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "DEADLINE_SECONDS", 0.1)
    item = Item("f", Case("c", ""), None, "")
    monkeypatch.setattr(pool, "run_case", lambda _case: time.sleep(5))
    assert "took longer" in run_item(item).detail
    monkeypatch.setattr(pool, "run_case", lambda _case: 1 // 0)
    assert "crashed: ZeroDivisionError" in run_item(item).detail


def test_other_formats_and_functions_of_tests_are_skipped_by_rule(tmp_path: Path) -> None:
    index = [{"file": "some.json", "name": "copy", "tier": 1, "custom_udf": True}]
    (tmp_path / "qtt-index.json").write_text(json.dumps(index), encoding="utf-8")
    suite(tmp_path, copy(), copy(name="other", format=["PROTOBUF"]), copy(name="plain"))
    found = [item.skip for item in load_items(tmp_path, Selection())]
    assert found == ["functions that exist in tests only", "format PROTOBUF", ""]
    assert [item.case.name for item in load_items(tmp_path, Selection(tier=1))] == ["some: copy [JSON]"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_last_line_is_the_count(tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    suite(tmp_path, copy(), copy(name="bad", outputs=[{"topic": "O", "key": "b", "value": None}]))
    assert main([str(tmp_path), "--jobs", jobs]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"
    assert lines[0].startswith("FAILED some: bad [JSON]: O, record 0: key 'a'")


def test_the_page_of_compatibility_counts_by_file(tmp_path: Path) -> None:
    suite(tmp_path, copy())
    page = tmp_path / "page.md"
    assert main([str(tmp_path), "--compatibility", str(page), "--file", "some"]) == 0
    assert re.search(r"^\| some \| 1/1 \| - \|$", page.read_text("utf-8"), re.MULTILINE)


def test_avro_goes_there_and_back_by_its_schema() -> None:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
            {"name": "when", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
            {"name": "m", "type": {"type": "map", "values": "int"}},
        ],
    }
    given = {"D": Decimal("1.5"), "WHEN": 12, "m": {"x": 1}}
    assert from_avro(schema, to_avro(7, schema, given)) == {"d": Decimal("1.50"), "when": 12, "m": {"x": 1}}
