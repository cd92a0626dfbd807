"""How one process asks another to tend a table that only that one may write: a request file and its answer."""

import json
import time
from dataclasses import asdict
from pathlib import Path

from contracts.model import Table
from spark.runtime.caretaker import Tended
from spark.runtime.errors import LakehouseError

LOOK_EVERY_S = 0.1


class Desk:
    """Requests and answers below `run_dir`: one of each per table."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "upkeep"

    def ask(self, table: Table) -> None:
        """Leave a request for the writer of `table`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._answer(table).unlink(missing_ok=True)
        self._request(table).touch()

    def ask_again(self, table: Table) -> None:
        """Leave the request anew when it is gone without an answer: another one who asked has taken that."""
        if not self._request(table).exists() and not self._answer(table).exists():
            self.ask(table)

    def take_back(self, table: Table) -> None:
        """Nobody waits for an answer any more."""
        self._request(table).unlink(missing_ok=True)

    def is_asked(self, table: Table) -> bool:
        """Whether there is a request for `table`."""
        return self._request(table).exists()

    def answer(self, table: Table, answer: Tended | str) -> None:
        """Say what was done, or in words why it was not; the request is done with."""
        part = self._answer(table).with_suffix(".part")
        part.write_text(json.dumps({"failed": answer} if isinstance(answer, str) else asdict(answer)), "utf-8")
        part.replace(self._answer(table))
        self._request(table).unlink(missing_ok=True)

    def wait(self, table: Table, deadline: float) -> Tended | None:
        """The answer, waited for until `deadline` of the monotonic clock; None without one.

        Raises:
            LakehouseError: the writer could not do it.
        """
        while (text := self._taken(table)) is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(LOOK_EVERY_S)
        found = json.loads(text)
        if "failed" in found:
            raise LakehouseError(f"{table.full_name}: {found['failed']}")
        return Tended(**found)

    def _taken(self, table: Table) -> str | None:
        """The answer's text, off the desk; None when there is none, or another one took it."""
        try:
            text = self._answer(table).read_text("utf-8")
            self._answer(table).unlink()
        except FileNotFoundError:
            return None
        return text

    def _request(self, table: Table) -> Path:
        return self._folder / f"{table.full_name}.request"

    def _answer(self, table: Table) -> Path:
        return self._folder / f"{table.full_name}.answer.json"
