"""Results as text or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ksql_engine.conformance.pool import Result

_SHORT: Final = 200


def failure(result: Result, verbose: bool) -> str:
    """Return a failed case's line; with `verbose` the whole difference and the statements."""
    if not verbose:
        detail = " ".join(result.detail.split())
        return f"FAILED {result.item.case.name}: {detail[:_SHORT]}"
    return f"FAILED {result.item.case.name}\n  {result.detail}\n{_indented(result.item.case.statements)}"


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def table(results: Sequence[Result]) -> str:
    """Return for each file how many cases passed, failed and were skipped."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.item.file, Counter())[result.outcome] += 1
    width = max(map(len, counts), default=4)
    lines = [f"{'file':{width}}  passed  failed  skipped"]
    for file, found in counts.items():
        lines.append(f"{file:{width}}  {found['passed']:6}  {found['failed']:6}  {found['skipped']:7}")
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """Return the totals: cases that expect records, cases that expect errors, and all."""
    lines = []
    for name, negative in (("positive", False), ("negative", True)):
        lines.append(f"{name}: {_totals([one for one in results if one.item.negative == negative])}")
    return "\n".join([*lines, _totals(results)])


def _totals(results: Sequence[Result]) -> str:
    found = Counter(result.outcome for result in results)
    return f"{found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped"


def as_json(results: Sequence[Result]) -> str:
    """Return all results as one JSON array."""
    return json.dumps(
        [
            {
                "file": result.item.file,
                "name": result.item.case.name,
                "tier": result.item.tier,
                "negative": result.item.negative,
                "outcome": result.outcome,
                "detail": result.detail,
            }
            for result in results
        ],
        indent=1,
    )
