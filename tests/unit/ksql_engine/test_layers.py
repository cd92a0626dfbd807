"""Which part of the engine may import what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[3] / "ksql_engine"
IO = {"confluent_kafka", "socket", "starlette", "hypercorn", "urllib", "http", "rocksdict", "threading", "requests"}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("layer", ["dialect", "plan", "expressions", "functions", "formats", "operators", "driver"])
def test_the_core_does_no_io(layer: str) -> None:
    for path in (ENGINE / layer).glob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & IO, path


@pytest.mark.parametrize("layer", ["dialect", "plan", "expressions", "functions", "formats", "operators", "state"])
def test_the_core_does_not_know_the_server(layer: str) -> None:
    for path in (ENGINE / layer).glob("*.py"):
        above = [name for name in imported(path) if name.startswith(("ksql_engine.runtime", "ksql_engine.server"))]
        assert not above, path


def test_the_engine_imports_no_other_station() -> None:
    stations = {"contracts", "spark", "webapp", "scripts"}
    for path in ENGINE.rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & stations, path
