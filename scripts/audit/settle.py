"""When to compare: once the lab is quiet, and again until the books balance or the deadline is reached.

A difference counts only if nothing moved while it was found: a click during the audit is no finding.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scripts.audit.errors import BooksMoved, CannotAudit
from scripts.audit.findings import MAX_EXAMPLES, Check
from scripts.audit.topics import Spans

QUIET_S = 1.0
POLL_S = 0.25
GRACE_S = 15.0
RECHECK_S = (1.0, 2.0, 4.0, 8.0)


@dataclass
class Outcome:
    """The last comparison's checks. `hints` say what may be behind a difference."""

    checks: list[Check]
    rounds: int
    took_s: float
    hints: list[str] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether no check found a difference."""
        return all(check.is_balanced for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return {
            "balanced": self.is_balanced,
            "took_s": round(self.took_s, 2),
            "rounds": self.rounds,
            "checks": [check.as_json() for check in self.checks],
            "hints": self.hints,
        }


@dataclass(frozen=True)
class Settling:
    """Waits and compares.

    Args:
        ends: the spans of every topic of the lab, now.
        progress: anything else that changes while the lab works (positions of the projector, table versions).
        compare: makes all checks as of given spans.
        pause: waits so many seconds; a test replaces it.
    """

    ends: Callable[[], Spans]
    progress: Callable[[], object]
    compare: Callable[[Spans], list[Check]]
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def run(self, deadline_s: float) -> Outcome:
        """Compare until balanced or `deadline_s` seconds have passed; at least once.

        What moved lately has GRACE_S seconds to come round, even past the deadline, but at most twice that.

        Raises:
            CannotAudit: a service does not answer, or nothing could be read to its end before the deadline.
        """
        start = self.clock()
        until, last = start + deadline_s, start + deadline_s + 2 * GRACE_S
        rounds, moved_at, why = 0, -math.inf, "nothing was read"
        while True:
            spans, restless, quiet_since = self._quiet(last)
            moved_at = max(moved_at, quiet_since)
            rounds += 1
            before = self.progress()
            try:
                checks = self.compare(spans)
            except BooksMoved as error:
                checks, why = [], str(error)
            restless |= _moving(spans, self.ends())
            now = self.clock()
            if checks and all(check.is_balanced for check in checks):
                return Outcome([_settled(set()), *checks], rounds, now - start)
            moved_at = now if restless or not checks else moved_at
            if now >= last or (now >= until and now - moved_at >= GRACE_S):
                if checks:
                    return Outcome([_settled(restless), *checks], rounds, now - start)
                raise CannotAudit(f"the lab did not keep still for {deadline_s:.0f} s ({why})", "stop the generators")
            pause = RECHECK_S[min(rounds, len(RECHECK_S)) - 1]
            if self._await_change(spans, before, min(until if now < until else last, now + pause)):
                moved_at = self.clock()

    def _quiet(self, until: float) -> tuple[Spans, set[str], float]:
        """Wait until no end has moved for QUIET_S.

        Returns:
            the spans, the topics that still moved when time was up, and when anything moved last.
        """
        spans, since, moved_at = self.ends(), self.clock(), -math.inf
        moving: set[str] = set()
        while self.clock() - since < QUIET_S:
            if self.clock() >= until:
                return spans, moving, moved_at
            self.pause(POLL_S)
            newer = self.ends()
            if newer != spans:
                moving = _moving(spans, newer)
                spans, since = newer, self.clock()
                moved_at = since
        return spans, set(), moved_at

    def _await_change(self, spans: Spans, before: object, until: float) -> bool:
        """Wait until something moves, at most until `until`; whether a topic moved."""
        while self.clock() < until and self.progress() == before:
            if self.ends() != spans:
                return True
            self.pause(POLL_S)
        return self.ends() != spans


def _moving(old: Spans, new: Spans) -> set[str]:
    """The topics that moved between two looks."""
    return {place[0] for place, span in new.items() if old.get(place) != span}


def _settled(restless: set[str]) -> Check:
    check = Check("the lab is quiet", checked=1)
    if restless:
        check.differing = len(restless)
        check.examples = [f"{topic}: records kept coming" for topic in sorted(restless)[:MAX_EXAMPLES]]
    return check
