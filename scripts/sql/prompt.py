"""The prompt: reads statements, sends them, shows answers; Ctrl-C ends a query, Ctrl-D the session."""

import contextlib
import readline
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.sql.client import Server, Session, SqlError
from scripts.sql.render import Rows, entity_text
from scripts.sql.statements import is_query, kept, script_of, split
from scripts.sql.words import WORDS

HISTORY = Path("~/.lab_sql_history")
_HISTORY_LINES = 2000
_HELP = "Statements end with ; - RUN SCRIPT 'file'; reads a file, Ctrl-C ends a query, exit or Ctrl-D the session."


class Prompt:
    """A session with one server. `show` is called with each piece of text to print."""

    def __init__(self, server: Server, show: Callable[[str], None] = print) -> None:
        """Talk to `server`."""
        self._server, self._show = server, show
        self._session = Session()

    def run(self) -> None:
        """Read statements until the end of input."""
        self._prepare_readline()
        rest = ""
        while True:
            try:
                line = input("     > " if rest else "ksql> ")
            except KeyboardInterrupt:
                self._show("")
                rest = ""
                continue
            except EOFError:
                self._show("")
                return
            if not rest and line.strip().rstrip(";").lower() in ("exit", "quit"):
                return
            if not rest and line.strip().lower() == "help":
                self._show(_HELP)
                continue
            statements, rest = split(f"{rest}\n{line}" if rest else line)
            self.execute_all(statements)

    def run_text(self, text: str) -> bool:
        """Run all statements of `text`, up to the first that fails; tell whether all went well."""
        statements, rest = split(text)
        return self.execute_all([*statements, f"{rest};"] if rest else statements)

    def execute_all(self, statements: Sequence[str]) -> bool:
        """Run statements in order, up to the first that fails; tell whether all went well."""
        for statement in statements:
            try:
                if not self._execute(statement):
                    return False
            except (SqlError, OSError) as error:
                self._show(str(error))
                return False
        return True

    def _execute(self, statement: str) -> bool:
        script, said = script_of(statement), kept(statement, self._session)
        if script is not None:
            return self.run_text(Path(script).expanduser().read_text(encoding="utf-8"))
        if said is not None:
            self._show(said)
        elif is_query(statement):
            return self._query(statement)
        else:
            for entity in self._server.execute(statement, self._session):
                self._show(entity_text(entity))
        return True

    def _query(self, statement: str) -> bool:
        """Show rows as they come, until the query ends or Ctrl-C ends it."""
        rows: Rows | None = None
        parts = self._server.stream(statement, self._session)
        try:
            for part in parts:
                if isinstance(part, dict) and "header" in part:
                    rows = Rows(part["header"]["schema"])
                    self._show(rows.head())
                elif isinstance(part, dict) and "errorMessage" in part:
                    self._show(str(part["errorMessage"].get("message")))
                    return False
                else:
                    self._show(_part_text(part, rows))
        except KeyboardInterrupt:
            self._show("Query terminated.")
        finally:
            parts.close()  # type: ignore[attr-defined]  # a generator, which ends the query when it is closed
        return True

    def _prepare_readline(self) -> None:
        """Bring the history back and complete keywords and the names that exist."""
        path = HISTORY.expanduser()
        with contextlib.suppress(OSError):
            readline.read_history_file(path)
        readline.set_history_length(_HISTORY_LINES)
        readline.set_completer_delims(" \t\n,();=")
        readline.set_completer(self._completed)
        readline.parse_and_bind("tab: complete")

    def save_history(self) -> None:
        """Keep the history for the next session."""
        with contextlib.suppress(OSError):
            readline.write_history_file(HISTORY.expanduser())

    def _completed(self, text: str, state: int) -> str | None:
        if state == 0:
            self._choices = [word for word in [*WORDS, *self._names()] if word.upper().startswith(text.upper())]
        return self._choices[state] if state < len(self._choices) else None

    def _names(self) -> list[str]:
        names: list[str] = []
        for what in ("STREAMS", "TABLES"):
            with contextlib.suppress(SqlError):
                (found,) = self._server.execute(f"SHOW {what};", Session())
                names += [one["name"] for one in found[what.lower()]]
        return names


def _part_text(part: dict[str, Any] | str, rows: Rows | None) -> str:
    if isinstance(part, str):
        return part
    if "row" in part and rows is not None:
        deleted = " (deleted)" if part["row"].get("tombstone") else ""
        return rows.row(part["row"]["columns"]) + deleted
    return str(part.get("finalMessage", part))
