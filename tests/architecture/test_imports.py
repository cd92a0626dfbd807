"""Who may import whom: the stations meet in contracts/ and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contracts", "ksql_engine", "spark", "webapp", "scripts")
ALLOWED = {
    "contracts": {"contracts"},
    "ksql_engine": {"ksql_engine"},
    "spark": {"contracts", "spark"},
    "webapp": {"contracts", "webapp"},
    "scripts": {"contracts", "scripts", "webapp.commands"},
}


def sources(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def is_allowed(name: str, allowed: set[str]) -> bool:
    if name.partition(".")[0] not in PACKAGES:
        return True
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


@pytest.mark.parametrize("package", PACKAGES)
def test_stations_do_not_import_each_other(package: str) -> None:
    files = list(sources(package))
    assert files, f"{package}/ holds no Python file"
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if not is_allowed(name, ALLOWED[package])
    ]
    assert wrong == []


def test_the_audit_recomputes_by_itself() -> None:
    """The books are kept twice: of contracts/ the audit takes names and settings, never a rule."""
    files = list(sources("scripts/audit"))
    assert files
    forbidden = ("contracts.lifecycle", "webapp", "spark", "ksql_engine")
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name.startswith(forbidden)
    ]
    assert wrong == []


PURE = {
    "ksql_engine/dialect": ("confluent_kafka", "socket", "starlette", "hypercorn", "rocksdict", "requests"),
    "ksql_engine/plan": ("confluent_kafka", "socket", "starlette", "hypercorn", "rocksdict", "requests"),
    "ksql_engine/operators": ("confluent_kafka", "socket", "starlette", "hypercorn", "rocksdict", "requests"),
    "contracts": ("confluent_kafka", "redis", "pyspark", "flask", "requests"),
}


@pytest.mark.parametrize("folder", PURE)
def test_what_decides_does_not_talk_to_the_outside(folder: str) -> None:
    files = list(sources(folder))
    assert files, f"{folder}/ holds no Python file"
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name.partition(".")[0] in PURE[folder]
    ]
    assert wrong == []
