"""`lab sql`: exit 0 when all statements went well, 1 when one failed or the server does not answer."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import load_settings
from scripts.sql.client import Server, SqlError
from scripts.sql.prompt import Prompt


def sql(
    script: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="File of statements.")] = None,
    execute: Annotated[str | None, typer.Option("--execute", "-e", help="Statements to run.")] = None,
    url: Annotated[str | None, typer.Option(help="A ksqlDB server; by default the lab's.")] = None,
) -> None:
    """A prompt for streaming SQL; with a file or --execute it runs that and ends."""
    prompt = Prompt(Server(url or load_settings().ksql_url), typer.echo)
    if script is not None or execute is not None:
        text = script.read_text(encoding="utf-8") if script is not None else str(execute)
        raise typer.Exit(0 if prompt.run_text(text) else 1)
    try:
        found = Server(url or load_settings().ksql_url).info()
    except SqlError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"ksqlDB {found.get('version', '')}, service {found.get('ksqlServiceId', '')}. Type help or exit.")
    try:
        prompt.run()
    finally:
        prompt.save_history()
