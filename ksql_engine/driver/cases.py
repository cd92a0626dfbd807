"""Cases as data: statements, input records and the records they must give, in the shape of ksqlDB's own test files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """One case; `error` is a part of the message that it must fail with, "" for any.

    `topics` are topics with their formats and schemas, `post` is what must be there after the statements.
    """

    name: str
    statements: str
    inputs: Sequence[Mapping[str, Any]] = ()
    outputs: Sequence[Mapping[str, Any]] = ()
    error: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    topics: Sequence[Mapping[str, Any]] = ()
    post: Mapping[str, Any] = field(default_factory=dict)


def load_json(path: Path) -> Any:
    """Return the JSON of a file that may have // comments; numbers with a fraction keep their digits."""
    return json.loads(without_comments(path.read_text(encoding="utf-8")), parse_float=Decimal)


def without_comments(text: str) -> str:
    """Return JSON text without its // comments; those inside of strings stay."""
    if "//" not in text:
        return text
    return "\n".join(map(_uncommented, text.split("\n")))


def _uncommented(line: str) -> str:
    inside, place = False, 0
    while place < len(line):
        if line[place] == "\\" and inside:
            place += 1
        elif line[place] == '"':
            inside = not inside
        elif not inside and line.startswith("//", place):
            return line[:place]
        place += 1
    return line


def load_cases(path: Path) -> list[Case]:
    """Return the cases of a file; one that names several formats or configurations is there once for each."""
    return [case for test in load_json(path)["tests"] if test.get("enabled", True) for case in expand(path.stem, test)]


def expand(stem: str, test: Mapping[str, Any]) -> Iterator[Case]:
    """Yield a test once for each format and each configuration it names; the name says which."""
    expected = test.get("expectedException")
    for chosen in test.get("format") or [""]:
        for config in test.get("config") or [""]:
            marks = "".join(f" [{mark}]" for mark in (chosen, config) if mark)
            yield Case(
                f"{stem}: {test['name']}{marks}",
                "\n".join(test["statements"]).replace("{FORMAT}", chosen),
                test.get("inputs", ()),
                test.get("outputs", ()),
                expected.get("message", "") if expected is not None else None,
                {name: _filled(value, "{CONFIG}", config) for name, value in test.get("properties", {}).items()},
                [_topic(topic, chosen) for topic in test.get("topics", ())],
                test.get("post", {}),
            )


def _topic(topic: Mapping[str, Any] | str, chosen: str) -> Mapping[str, Any]:
    if isinstance(topic, str):
        return {"name": topic}
    return {name: _filled(value, "{FORMAT}", chosen) for name, value in topic.items()}


def _filled(value: Any, mark: str, chosen: str) -> Any:
    return value.replace(mark, chosen) if isinstance(value, str) else value
