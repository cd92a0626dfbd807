"""`lab replay-quarantine`: counts by reason; with --export files to mend, with --from mended records back."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.marketing import MARKETING
from contracts.settings import Settings, load_settings
from scripts.audit.errors import AuditError
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.registry import Codecs
from scripts.replay.errors import ReplayError
from scripts.replay.quarantine import Choice, chosen, counts
from scripts.replay.run import State, export, read_state, replay
from scripts.screen import screen
from scripts.stack.locks import file_lock
from webapp.commands.errors import CommandError

REFUSED, FAILED = 1, 2


def replay_quarantine(
    reason: Annotated[str, typer.Option(help="only records with this reason")] = "",
    topic: Annotated[str, typer.Option(help="only records of this topic")] = "",
    since: Annotated[str, typer.Option(help="only records of the last 30m, 2h or 7d, or since a time")] = "",
    export_to: Annotated[Path | None, typer.Option("--export", help="write the open ones into this folder")] = None,
    mended: Annotated[Path | None, typer.Option("--from", help="publish the mended records of this file")] = None,
) -> None:
    """Show what is in quarantine by reason, export it, or replay what was mended.

    Exit code 1 when a mended record was refused, 2 when nothing could be done.
    """
    settings, console = load_settings(), screen()
    topics = [each.name for each in MARKETING.with_schema()]
    try:
        if export_to and mended:
            raise ReplayError("--export and --from exclude each other")
        choice = chosen(reason, topic, since, topics, time.time_ns() // 1_000_000)
        if mended:
            _replay(settings, mended, choice, console)
        else:
            _show_or_export(settings, export_to, choice, console)
    except (ReplayError, AuditError, CommandError) as error:
        Console(stderr=True).print("[bold red]cannot replay:[/]", escape(str(error)), highlight=False)
        raise typer.Exit(FAILED) from error


def _show_or_export(settings: Settings, folder: Path | None, choice: Choice, console: Console) -> None:
    state = read_state(settings, MARKETING, Lakehouse(settings.delta_root))
    _show(state, choice, console)
    if folder is None:
        return
    codecs = Codecs(settings.registry_url)

    def writer_of(name: str, schema_id: int) -> Any:
        codec = codecs.of(MARKETING.topic(name).subject, schema_id)
        return codec.writer if codec else None

    for path, lines in export(state.open(choice), folder, writer_of).items():
        console.print(f"{lines:,} records in {path}", highlight=False)


def _show(state: State, choice: Choice, console: Console) -> None:
    table = Table(title="Quarantine", title_justify="left")
    for name in ("reason", "topic"):
        table.add_column(name)
    for name in ("records", "replayed", "open"):
        table.add_column(name, justify="right")
    for reason, topic, total, done in counts(filter(choice.takes, state.records.values()), state.replayed):
        table.add_row(reason, topic, f"{total:,}", f"{done:,}", f"{total - done:,}")
    console.print(table)


def _replay(settings: Settings, file: Path, choice: Choice, console: Console) -> None:
    """One replay at a time: another one would not know what this one publishes."""
    if choice != Choice():
        raise ReplayError("--from takes every record of its file: --reason, --topic and --since go with --export")
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{file} cannot be read: {error}") from error
    lakehouse = Lakehouse(settings.delta_root)
    with file_lock(settings.run_dir / "locks" / "replay.lock", lambda: console.print("waiting for another replay")):
        outcome = replay(settings, MARKETING, lakehouse, read_state(settings, MARKETING, lakehouse), lines)
    console.print(f"{outcome.replayed:,} records replayed, {len(outcome.refused):,} refused", highlight=False)
    for number, why in outcome.refused:
        console.print(f"  line {number}: {why}", highlight=False, markup=False)
    if outcome.refused:
        raise typer.Exit(REFUSED)
