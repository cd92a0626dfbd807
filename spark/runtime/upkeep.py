"""Upkeep while the streams run: every so many commits of a table, and when somebody asks for it."""

import threading
from collections.abc import Callable

from contracts.model import Table
from spark.runtime.caretaker import Caretaker
from spark.runtime.desk import Desk
from spark.runtime.report import Report, in_short
from spark.runtime.turns import QUIET_WITHIN_S, Quiet

COMMITS_PER_TURN = 40
LOOK_EVERY_S = 2.0


class Upkeep(threading.Thread):
    """Tends `tables`, which this process writes, one at a time, when no urgent work is under way."""

    def __init__(
        self,
        tables: tuple[Table, ...],
        caretaker: Caretaker,
        desk: Desk,
        *,
        commits: Callable[[Table], int],
        quiet: Quiet,
        report: Report,
        stop: threading.Event,
    ) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._tables = tables
        self._caretaker = caretaker
        self._desk = desk
        self._commits = commits
        self._quiet = quiet
        self._report = report
        self._stop_asked = stop
        self._tended_at: dict[Table, int] = {}

    def run(self) -> None:
        """Look after the tables until the process is to stop."""
        while not self._stop_asked.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """Tend each table for which it is time."""
        for table in self._tables:
            is_asked = self._desk.is_asked(table)
            if is_asked or self._commits(table) - self._tended_at.get(table, 0) >= COMMITS_PER_TURN:
                self._tend(table, is_asked)

    def _tend(self, table: Table, is_asked: bool) -> None:
        self._quiet.wait(QUIET_WITHIN_S)
        commits = self._commits(table)
        try:
            tended = self._caretaker.tend(table, cluster=is_asked)
        except Exception as error:  # noqa: BLE001,RUF100 - the next look tries again; the streams go on
            self._report.trouble(f"upkeep of {table.full_name}", in_short(error))
            if is_asked:
                self._desk.answer(table, in_short(error))
            return
        self._tended_at[table] = commits
        self._report.trouble(f"upkeep of {table.full_name}", None)
        if is_asked:
            self._desk.answer(table, tended)
