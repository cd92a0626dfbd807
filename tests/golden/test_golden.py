"""The project's own cases, through the planner and operators of production."""

from __future__ import annotations

from pathlib import Path

import pytest

from ksql_engine.driver.cases import Case, load_cases
from ksql_engine.driver.run import run_case

CASES = [case for path in sorted(Path(__file__).parent.glob("*.json")) for case in load_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert run_case(case) is None
