"""When the audit compares, and what it makes of a lab that moves; with a clock that only pauses move."""

from collections.abc import Callable

import pytest

from scripts.audit.errors import BooksMoved, CannotAudit
from scripts.audit.findings import Check
from scripts.audit.settle import Settling
from scripts.audit.topics import Span, Spans


class Lab:
    """A lab whose ends are a function of the time, and whose comparisons are given."""

    def __init__(self, end_at: Callable[[float], int], verdicts: Callable[[float], int | Exception]) -> None:
        self.now = 0.0
        self.end_at, self.verdicts = end_at, verdicts
        self.compared_at: list[float] = []

    def ends(self) -> Spans:
        return {("t", 0): Span(0, self.end_at(self.now))}

    def compare(self, spans: Spans) -> list[Check]:
        assert spans == self.ends()
        self.compared_at.append(self.now)
        verdict = self.verdicts(self.now)
        if isinstance(verdict, Exception):
            raise verdict
        return [Check("x", 1, verdict)]

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def settling(self) -> Settling:
        return Settling(self.ends, lambda: None, self.compare, lambda: self.now, self.pause)


def test_a_quiet_balanced_lab_is_compared_once() -> None:
    lab = Lab(lambda _: 5, lambda _: 0)
    outcome = lab.settling().run(60)
    assert outcome.is_balanced
    assert outcome.rounds == 1
    assert 1.0 <= lab.now < 2.0


def test_it_waits_until_the_ends_stand_still() -> None:
    lab = Lab(lambda now: min(int(now), 10), lambda _: 0)
    assert lab.settling().run(60).is_balanced
    assert lab.compared_at[0] >= 11


def test_a_lag_is_no_finding() -> None:
    lab = Lab(lambda _: 5, lambda now: 0 if now > 20 else 3)
    outcome = lab.settling().run(60)
    assert outcome.is_balanced
    assert outcome.rounds > 2
    assert lab.now < 35


def test_a_difference_that_stays_is_reported_at_the_deadline() -> None:
    lab = Lab(lambda _: 5, lambda _: 3)
    outcome = lab.settling().run(60)
    assert not outcome.is_balanced
    assert 60 <= lab.now < 65
    assert outcome.rounds < 20


def test_a_lab_that_never_stands_still_is_said_to_move() -> None:
    lab = Lab(lambda now: int(now * 4), lambda _: 1)
    outcome = lab.settling().run(10)
    assert not outcome.is_balanced
    assert outcome.checks[0].examples == ["t: records kept coming"]


def test_a_click_during_the_last_comparison_is_no_finding() -> None:
    """The click comes at 8 s, while the views have not followed; the deadline is over before they have."""
    lab = Lab(lambda now: 5 if now < 8 else 6, lambda now: 0)
    clicked = iter([7.0, *([0.0] * 50)])

    def compare(spans: Spans) -> list[Check]:
        lab.now += next(clicked)
        return [Check("x", 1, 1 if spans != lab.ends() or lab.now < 12 else 0)]

    outcome = Settling(lab.ends, lambda: None, compare, lambda: lab.now, lab.pause).run(7)
    assert outcome.is_balanced
    assert outcome.rounds >= 2


def test_something_replaced_while_read_is_read_again() -> None:
    lab = Lab(lambda _: 5, lambda now: BooksMoved("a table") if now < 5 else 0)
    assert lab.settling().run(60).is_balanced


def test_nothing_read_to_its_end_is_no_verdict() -> None:
    lab = Lab(lambda _: 5, lambda _: BooksMoved("a table"))
    with pytest.raises(CannotAudit, match="a table"):
        lab.settling().run(10)
