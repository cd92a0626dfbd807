"""Applies a lab's streaming SQL, `ksql/<lab>/NN_*.sql`, so that the server runs what the files say."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.model import Lab
from contracts.settings import PROJECT_DIR, Settings
from scripts.bootstrap.applied import Applied, AppliedStatements
from scripts.bootstrap.errors import BootstrapError, NotReplaceable, StatementError
from scripts.bootstrap.report import Report
from scripts.bootstrap.sql import Statement, read_statements, same_statement
from scripts.ksql_client import KsqlDown, KsqlError, connect, execute

PROPERTIES = {"auto.offset.reset": "earliest"}
KSQL_DIR = PROJECT_DIR / "ksql"


def apply_ksql(settings: Settings, lab: Lab, *, folder: Path | None = None) -> Report:
    """Create what is missing and replace what differs, in the order of the files. Twice changes nothing.

    Args:
        folder: where the SQL files are, `ksql/<lab>` unless given.

    Raises:
        NotReplaceable: a running statement differs and the server cannot replace it; nothing after it was applied.
        StatementError: a file cannot be read, or the server refuses a statement.
        BootstrapError: no server answers.
    """
    statements = read_statements(folder or KSQL_DIR / lab.name)
    applied = AppliedStatements(settings, lab)
    lines, changed = [], 0
    try:
        api = connect(settings)
        running = _running(api)
        for statement in statements:
            word = _apply(api, statement, running, applied)
            lines.append(f"{statement.place}: {statement.kind.lower()} {statement.name} {word}")
            changed += word != "unchanged"
    except KsqlDown as error:
        raise BootstrapError(str(error)) from error
    return Report(lines, changed)


def reset_ksql(
    settings: Settings, lab: Lab, *, confirm: Callable[[str], bool] | None = None, folder: Path | None = None
) -> Report:
    """Drop the lab's streams and tables, last first, with the topics their queries write.

    Args:
        confirm: is shown what will be deleted and says whether to go on. Unless given, a person at a terminal is
            asked; without a terminal the reset goes ahead.
        folder: where the SQL files are, `ksql/<lab>` unless given.

    Raises:
        StatementError: a file cannot be read, or the server refuses to drop something.
        BootstrapError: no server answers.
    """
    statements = read_statements(folder or KSQL_DIR / lab.name)
    applied = AppliedStatements(settings, lab)
    try:
        api = connect(settings)
        running = _running(api)
        doomed = [statement for statement in reversed(statements) if statement.name in running]
        if not doomed:
            return Report(["nothing to delete: none of the lab's statements runs"])
        if not (confirm or ask_on_terminal)("\n".join(map(_doom, doomed))):
            return Report(["nothing was deleted"])
        for statement in doomed:
            _drop(api, statement, running[statement.name])
            applied.forget(statement.name)
    except KsqlDown as error:
        raise BootstrapError(str(error)) from error
    return Report([f"deleted {_doom(statement)}" for statement in doomed], len(doomed))


def ask_on_terminal(what: str) -> bool:
    """Show what will be deleted and ask; without a terminal the answer is yes."""
    print(f"This deletes:\n{what}")
    if not sys.stdin.isatty():
        return True
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _doom(statement: Statement) -> str:
    topic = f" and its topic {statement.topic or 'of the same name'}" if statement.is_query else ""
    return f"{statement.kind.lower()} {statement.name}{topic}"


def _running(api: Any) -> dict[str, str]:
    """Kind ("STREAM" or "TABLE") of everything the server has, by name."""
    kinds: dict[str, str] = {}
    for kind in ("STREAM", "TABLE"):
        for answer in execute(api, f"SHOW {kind}S;"):
            kinds |= {row["name"]: kind for row in answer.get(f"{kind.lower()}s", [])}
    return kinds


def _apply(api: Any, statement: Statement, running: dict[str, str], applied: AppliedStatements) -> str:
    """What was done with one statement: "unchanged", "created" or "replaced"."""
    if statement.name not in running:
        _send(api, statement, statement.text, StatementError)
        _remember(api, statement, applied)
        return "created"
    if running[statement.name] != statement.kind:
        raise NotReplaceable(_not_replaceable(statement, f"it runs as a {running[statement.name].lower()}"))
    shown = _shown(api, statement.name)
    if same_statement(shown, statement.text):
        return "unchanged"
    if (known := applied.get(statement.name)) and known.shown == shown and same_statement(known.sent, statement.text):
        return "unchanged"
    _send(api, statement, statement.replacing, NotReplaceable)
    _remember(api, statement, applied)
    return "replaced"


def _remember(api: Any, statement: Statement, applied: AppliedStatements) -> None:
    applied.put(statement.name, Applied(statement.text, _shown(api, statement.name)))


def _shown(api: Any, name: str) -> str:
    """The text of a running statement as the server shows it."""
    source = _describe(api, name)
    return str(source.get("statement") or "") or next(
        (str(query.get("queryString", "")) for query in source.get("writeQueries") or []), ""
    )


def _describe(api: Any, name: str) -> dict[str, Any]:
    for answer in execute(api, f"DESCRIBE `{name}` EXTENDED;"):
        source: dict[str, Any] = answer.get("sourceDescription") or {}
        return source
    return {}


def _send(api: Any, statement: Statement, text: str, refused: type[StatementError]) -> None:
    try:
        execute(api, text, PROPERTIES)
    except KsqlDown:
        raise
    except KsqlError as error:
        if refused is NotReplaceable:
            raise NotReplaceable(_not_replaceable(statement, str(error))) from error
        raise StatementError(f"{statement.place}: {statement.name} was refused: {error}") from error


def _not_replaceable(statement: Statement, reason: str) -> str:
    return (
        f"{statement.place}: {statement.name} runs with another text and cannot be replaced: {reason}. "
        "Remedy: make ksql-reset (says what it deletes, asks first), then make ksql"
    )


def _drop(api: Any, statement: Statement, kind: str) -> None:
    """Stop the queries that write it or read it, then drop it; the topic goes only where a query filled it."""
    delete_topic = " DELETE TOPIC" if statement.is_query else ""
    try:
        source = _describe(api, statement.name)
        for query in (source.get("readQueries") or []) + (source.get("writeQueries") or []):
            execute(api, f"TERMINATE {query['id']};")
        execute(api, f"DROP {kind} IF EXISTS `{statement.name}`{delete_topic};")
    except KsqlDown:
        raise
    except KsqlError as error:
        raise StatementError(f"{statement.name} could not be dropped: {error}") from error
