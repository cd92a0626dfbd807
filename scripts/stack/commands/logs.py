"""logs: the end of a service's log, and what is added to it."""

import os
import threading
from collections.abc import Iterator
from typing import Annotated

import typer

from contracts.settings import Settings
from scripts.stack.commands.context import console, native_lab, say, settings
from scripts.stack.errors import NotRunning
from scripts.stack.services import find_service
from scripts.stack.supervision import log_file

LOOK_EVERY_S = 0.25
TAIL_BYTES = 1 << 20


def logs(
    service: Annotated[str, typer.Argument(help="the service, e.g. spark")],
    follow_log: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="lines from the end")] = 100,
) -> None:
    """Show the log of one service."""
    find_service(native_lab().services, service)
    if follow_log:
        follow(settings(), service, lines)
    for line in tail(settings(), service, lines):
        _show(line)


def follow(settings: Settings, service: str, lines: int) -> None:
    """Show the end of the log and what is added to it, until Ctrl-C."""
    for line in tail(settings, service, lines):
        _show(line)
    try:
        for text in added(settings, service, threading.Event()):
            console().file.write(text)
            console().file.flush()
    except KeyboardInterrupt:
        say("")
    raise typer.Exit


def tail(settings: Settings, service: str, lines: int) -> list[str]:
    """The last lines of the log.

    Raises:
        NotRunning: the service has never written one.
    """
    path = log_file(settings, service)
    if not path.exists():
        raise NotRunning(f"{service} has written no log yet ({path}); make up starts it")
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:] if lines else []


def added(settings: Settings, service: str, stop: threading.Event) -> Iterator[str]:
    """What is written from now on, also after the log was rotated or made anew; ends when `stop` is set."""
    path = log_file(settings, service)
    file = path.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, os.SEEK_END)
        while not stop.is_set():
            if text := file.read():
                yield text
                continue
            if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            stop.wait(LOOK_EVERY_S)
    finally:
        file.close()


def _show(line: str) -> None:
    console().print(line, markup=False)
