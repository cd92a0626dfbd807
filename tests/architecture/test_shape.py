"""Sizes, places and habits that keep the code readable."""

import ast
import re
from pathlib import Path

from test_imports import PACKAGES, ROOT, sources

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_FUNCTION_LINES_P90 = 30


def all_sources() -> list[Path]:
    return [path for package in PACKAGES for path in sources(package)]


def function_lengths() -> list[tuple[int, str]]:
    """(lines, place) of every function of the project."""
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for path in all_sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in all_sources()
        if (lines := len(path.read_text("utf-8").splitlines())) > MAX_FILE_LINES
    }
    assert long == {}


def test_functions_are_short() -> None:
    lengths = sorted(function_lengths())
    assert [place for lines, place in lengths if lines > MAX_FUNCTION_LINES] == []
    assert lengths[int(len(lengths) * 0.9)][0] <= MAX_FUNCTION_LINES_P90


def test_the_environment_is_read_in_one_place() -> None:
    """Set-up runs before any package is there, so it alone may look at the environment by itself."""
    allowed = {"contracts/settings.py", "scripts/stack/bootstrap_venv.py"}
    pattern = re.compile(r"os\.environ\[|os\.environ\.get|os\.getenv|environ\.get\(")
    found = {str(path.relative_to(ROOT)) for path in all_sources() if pattern.search(path.read_text("utf-8"))}
    assert found - allowed == set()


def test_nothing_sleeps_to_wait() -> None:
    """A wait is for a condition and has a deadline; the few polling helpers are named here."""
    pattern = re.compile(r"\btime\.sleep\(|\bsleep\s+\d")
    found = {str(path.relative_to(ROOT)) for path in all_sources() if pattern.search(path.read_text("utf-8"))}
    jobs = {path for path in found if path.startswith("spark/marketing/")}
    assert jobs == set()


def test_no_global_state_is_assigned_from_functions() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in all_sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert found == []


def test_every_exemption_gives_its_reason() -> None:
    """`# noqa: X - why` and `# type: ignore[x] # why` or a reason after it; never a bare one."""
    bare = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?::?\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w, -]+\])?\s*$")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in all_sources()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in all_sources()
        if path.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_job_files_hold_no_plumbing() -> None:
    words = ("readStream", "writeStream", ".option(", ".options(", "sleep(", "foreachBatch")
    files = list(sources("spark/marketing"))
    assert files
    found = [f"{path.name}: {word}" for path in files for word in words if word in path.read_text("utf-8")]
    assert found == []
