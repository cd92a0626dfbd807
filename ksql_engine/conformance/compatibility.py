"""What of ksqlDB holds here, feature by feature, as a page written from the results of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from ksql_engine.conformance.pool import Result

_HEAD: Final = """\
# Compatibility with ksqlDB

Written by `python -m ksql_engine.conformance DIR --compatibility docs/compatibility.md`; do not edit.

The engine is checked with cases in the format of ksqlDB's own tests (QTT and its REST variant): statements, input
records, and the records, schemas, answers or error messages that must come of them. Statements run through the planner
and operators that serve production; REST cases through the HTTP server, over topics in memory.
"""
_TAIL: Final = """\
## Not supported

- The formats PROTOBUF, PROTOBUF_NOSR and JSON_SR.
- Connectors (CREATE, DROP, SHOW and DESCRIBE CONNECTOR), ALTER SYSTEM, and user-defined functions in Java.
- Several servers for one service: there are no standbys, and every query runs in one process.

Each is refused with a message; nothing is accepted silently.
"""


def page(statements: Sequence[Result], rest: Sequence[Result]) -> str:
    """Return the page for the results of both kinds of cases; either may be empty."""
    parts = [_HEAD]
    for title, results in (("Statements and queries", statements), ("REST API", rest)):
        if results:
            parts.append(f"## {title}\n\n{_total(results)}\n\n{_table(results)}\n")
    return "\n".join([*parts, _TAIL])


def _total(results: Sequence[Result]) -> str:
    found = Counter(result.outcome for result in results)
    ran = found["passed"] + found["failed"]
    skipped = f" {found['skipped']} more need what is not supported (below)." if found["skipped"] else ""
    return f"{found['passed']} of {ran} cases hold.{skipped}"


def _table(results: Sequence[Result]) -> str:
    counts: dict[str, Counter[str]] = {}
    for result in results:
        kind = "negative" if result.item.negative else "positive"
        counts.setdefault(_feature(result.item.file), Counter())[f"{kind} {result.outcome}"] += 1
    lines = ["| Feature | records and answers | refusals |", "|---|---|---|"]
    for feature, found in sorted(counts.items()):
        lines.append(f"| {feature} | {_share(found, 'positive')} | {_share(found, 'negative')} |")
    return "\n".join(lines)


def _share(found: Counter[str], kind: str) -> str:
    """Return `passed/ran` with what was left out, or a hyphen when there is nothing of that kind."""
    passed, skipped = found[f"{kind} passed"], found[f"{kind} skipped"]
    ran = passed + found[f"{kind} failed"]
    shown = [f"{passed}/{ran}"] if ran else []
    shown += [f"{skipped} out of scope"] if skipped else []
    return ", ".join(shown) or "-"


def _feature(file: str) -> str:
    return file.removesuffix(".json").replace("_", " ").replace("-", " ")
