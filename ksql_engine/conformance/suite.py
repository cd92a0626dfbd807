"""The cases of a folder, with what an index beside or above it says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ksql_engine.conformance.rest import expand_rest
from ksql_engine.driver.cases import Case, expand, load_json

INDEX: Final = "qtt-index.json"
_OTHER_FORMATS: Final = re.compile(r"\b(PROTOBUF|PROTOBUF_NOSR|JSON_SR)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Selection:
    """Which cases are meant: all by default. `file` and `name` are parts of names."""

    file: str = ""
    name: str = ""
    tier: int | None = None


@dataclass(frozen=True)
class Item:
    """A case of a file. `skip` is why it is not run, or empty."""

    file: str
    case: Case
    tier: int | None
    skip: str

    @property
    def negative(self) -> bool:
        """Whether the case expects an error."""
        return self.case.error is not None


def load_index(folder: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the index's entries by file and name; empty when there is none."""
    for place in (folder, *folder.resolve().parents):
        path = place / INDEX
        if path.is_file():
            entries = json.loads(path.read_text(encoding="utf-8"))
            return {(entry["file"].rpartition("/")[2], entry["name"]): entry for entry in entries}
    return {}


def load_items(folder: Path, chosen: Selection, rest: bool = False) -> list[Item]:
    """Return the chosen cases of all files of a folder; with `rest` of its folder `rest`, if it has one."""
    if not rest:
        return list(_items(folder, chosen, expand))
    return list(_items(folder / "rest" if (folder / "rest").is_dir() else folder, chosen, expand_rest))


def _items(folder: Path, chosen: Selection, make: Callable[[str, Mapping[str, Any]], Iterable[Case]]) -> Iterator[Item]:
    index = load_index(folder)
    for path in sorted(folder.glob("*.json")):
        if path.name == INDEX or chosen.file not in path.name:
            continue
        for test in load_json(path)["tests"]:
            entry = index.get((path.name, test["name"]), {})
            if not test.get("enabled", True) or (chosen.tier is not None and entry.get("tier") != chosen.tier):
                continue
            for case in make(path.stem, test):
                if chosen.name.lower() in case.name.lower():
                    yield Item(path.name, case, entry.get("tier"), _skipped(case, entry))


def _skipped(case: Case, entry: Mapping[str, Any]) -> str:
    """Return why a case is out of scope: a format with other wire forms, or functions that only tests have."""
    said = [str(topic.get(name, "")) for topic in case.topics for name in ("format", "keyFormat", "valueFormat")]
    found = next(filter(None, map(_OTHER_FORMATS.search, [case.statements, *said])), None)
    if found:
        return f"format {found.group().upper()}"
    return "functions that exist in tests only" if entry.get("custom_udf") else ""
