"""When steps run: each in its own thread, woken by the commit of a table it reads; nobody polls inside the driver."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from contracts.model import Table
from spark.runtime.advance import Stepper, Turn
from spark.runtime.inspection import Inspector
from spark.runtime.report import Report, in_short
from spark.runtime.steps import Publish, tables_read

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
QUIET_WITHIN_S = 5.0
LOOK_AGAIN_S = 30.0
"""A thread looks for news this often even when nobody woke it."""


class Quiet:
    """Knows whether urgent work is under way, so that the rest can let it pass."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._busy = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Urgent work is under way."""
        with self._condition:
            self._busy += 1
        try:
            yield
        finally:
            with self._condition:
                self._busy -= 1
                self._condition.notify_all()

    def wait(self, within_s: float) -> bool:
        """Wait until no urgent work is under way, at most `within_s` seconds; whether it is quiet."""
        with self._condition:
            return self._condition.wait_for(lambda: self._busy == 0, within_s)


class Wakers:
    """Who is woken by a commit of which table."""

    def __init__(self) -> None:
        self._events: dict[Table, list[threading.Event]] = {}
        self._all: list[threading.Event] = []

    def event_for(self, tables: tuple[Table, ...]) -> threading.Event:
        """An event that is set after every commit of one of `tables`."""
        event = threading.Event()
        self._all.append(event)
        for table in tables:
            self._events.setdefault(table, []).append(event)
        return event

    def committed(self, table: Table) -> None:
        """Wake the readers of `table`."""
        for event in self._events.get(table, []):
            event.set()

    def wake_all(self) -> None:
        """Wake everyone: the process is to stop."""
        for event in self._all:
            event.set()


class StepThread(threading.Thread):
    """Runs one step whenever there is news for it, and tries again, later and later, when it fails."""

    def __init__(
        self,
        stepper: Stepper | Inspector,
        wakers: Wakers,
        *,
        quiet: Quiet,
        report: Report,
        stop: threading.Event,
        polls_s: float,
    ) -> None:
        super().__init__(name=stepper.step.name, daemon=True)
        self._stepper = stepper
        self._wakers = wakers
        self._quiet = quiet
        self._report = report
        self._stop_asked = stop
        self._polls_s = polls_s
        self._rests = False
        self._news = wakers.event_for(tables_read(stepper.step))
        self._urgent = getattr(stepper.step, "urgent", True)

    @property
    def has_work(self) -> bool:
        """Whether the step is in a turn, or has news to take in."""
        return self._news.is_set() or not self._rests

    def run(self) -> None:
        """Take turns until the process is to stop."""
        with suppress(Exception):  # a warm-up that fails costs time, not rows
            self._stepper.warm_up()
        pause = FIRST_PAUSE_S
        while not self._stop_asked.is_set():
            self._news.clear()
            try:
                turned = self._turn()
            except Exception as error:  # noqa: BLE001,RUF100 - whatever failed, the rows are still there to take in
                if self._stop_asked.is_set():
                    return
                self._report.trouble(self.name, in_short(error))
                self._stop_asked.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            self._report.trouble(self.name, None)
            if not turned:
                self._rest()

    def _rest(self) -> None:
        self._rests = True
        self._news.wait(self._patience_s())
        self._rests = False

    def _turn(self) -> bool:
        """Take in what is new; whether there was something."""
        if not self._urgent:
            self._quiet.wait(QUIET_WITHIN_S)
            return self._note(self._stepper.advance())
        with self._quiet.busy():
            return self._note(self._stepper.advance())

    def _note(self, turn: Turn | None) -> bool:
        if turn is None:
            return False
        self._report.turn(self.name, turn.rows, turn.seconds)
        if not isinstance(self._stepper.step, Publish):
            self._wakers.committed(self._stepper.step.writes)
        return True

    def _patience_s(self) -> float:
        clock = self._stepper.seconds_to_clock()
        return self._polls_s if clock is None else min(self._polls_s, clock)


def wait_for_all(threads: list[threading.Thread], within_s: float) -> None:
    """Wait until the threads have ended, at most `within_s` seconds in all."""
    deadline = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
