"""`./lab generate` and `make generate`."""

import signal
import threading
from typing import Annotated

import typer

from contracts.marketing import MARKETING
from contracts.settings import load_settings
from scripts.generate.errors import GenerateError
from scripts.generate.run import Plan, run
from webapp.commands.errors import PublishError


def generate(
    rate: Annotated[float, typer.Option(min=0, help="events per second; 0 is as fast as possible")] = 200.0,
    duration: Annotated[float, typer.Option(min=0, help="seconds; 0 is until Ctrl-C")] = 60.0,
    seed: Annotated[int, typer.Option(help="fixes the shape of what is generated; ids are new in every run")] = 1,
    bad: Annotated[float, typer.Option(min=0, max=1, help="share of faults, e.g. 0.01")] = 0.0,
    continuous: Annotated[bool, typer.Option("--continuous", help="until Ctrl-C, whatever the duration")] = False,
) -> None:
    """Generate customers, orders and engagements. Exit code 1 when a record was not acknowledged."""
    stop = threading.Event()
    _stop_on_signals(stop)
    plan = Plan(rate=rate, duration_s=0.0 if continuous else duration, seed=seed, bad=bad)
    try:
        complete = run(load_settings(), MARKETING, plan, stop=stop, say=_say)
    except (GenerateError, PublishError) as error:
        typer.echo(f"cannot generate: {error}", err=True)
        raise typer.Exit(1) from error
    if not complete:
        raise typer.Exit(1)


def _stop_on_signals(stop: threading.Event) -> None:
    """The first Ctrl-C or SIGTERM ends the run in good order; a second one ends the process."""

    def on_signal(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)


def _say(line: str) -> None:
    print(line, flush=True)
