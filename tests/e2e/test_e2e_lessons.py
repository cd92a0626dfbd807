"""What the lessons tell a learner to type works, in their order, and shows what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.settings import PROJECT_DIR
from scripts.stack.environment import settings_environment
from scripts.stack.lab import NativeLab
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LESSONS = sorted((PROJECT_DIR / "docs" / "lessons").glob("*.md"))
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands_of(lesson: Path) -> list[tuple[str, str]]:
    """(what to type, the first line shown below it) of each block of commands."""
    blocks = BLOCK.findall(lesson.read_text("utf-8"))
    found = []
    for (kind, text), (next_kind, shown) in zip(blocks, [*blocks[1:], ("sh", "")], strict=True):
        if kind == "sh":
            found.append((text, shown.splitlines()[0] if next_kind == "text" else ""))
    return found


def words(line: str) -> list[str]:
    """The headings in a line."""
    return re.split(r"\s{2,}", line.strip())


class Terminal:
    """One shell for a whole lesson: a variable that is set stays set."""

    def __init__(self, lab: NativeLab, folder: Path) -> None:
        self._kept = folder / "variables"
        self._kept.touch()
        self._environment = {**os.environ, **settings_environment(lab.settings)}

    def type(self, text: str) -> subprocess.CompletedProcess[str]:
        text = text.replace("./lab ", f"{sys.executable} -m scripts.lab ")
        script = f'set -eu\nset -a\n. {self._kept}\n{text}\nset +a\necho "ID=${{ID:-}}" > {self._kept}\n'
        return subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=PROJECT_DIR,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_can_be_followed(lab: NativeLab, tmp_path: Path, lesson: Path) -> None:
    terminal = Terminal(lab, tmp_path)
    typed = commands_of(lesson)
    assert len(typed) > 10
    for text, shown in typed:
        if "quality" in text:
            eventually(lambda: "silver.orders" in terminal.type("./lab quality").stdout, 90, "rows are counted")
        done = terminal.type(text)
        assert done.returncode == 0, f"{text}{done.stdout}{done.stderr}"
        if shown:
            assert words(shown) in map(words, done.stdout.splitlines()), text
