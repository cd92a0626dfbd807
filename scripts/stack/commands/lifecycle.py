"""setup, doctor, up, down, restart, webapp-local."""

import os
import subprocess
from typing import Annotated

import typer

from contracts.settings import PROJECT_DIR
from scripts.stack.commands.context import console, native_lab, say, settings
from scripts.stack.commands.logs import follow
from scripts.stack.deadline import Deadline
from scripts.stack.doctor.preflight import examine, preflight
from scripts.stack.environment import settings_environment
from scripts.stack.mode import choose_mode, keep_mode
from scripts.stack.services import web_command
from scripts.stack.setup import FOREVER, set_up

Services = Annotated[list[str] | None, typer.Argument(help="services; all without one")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="then follow its log until Ctrl-C")]


def setup() -> None:
    """Install Java, the jars and Redis; `make setup` makes the Python environment before."""
    totals = set_up(settings(), say)
    if totals.changed:
        say(f"set-up is complete: {totals.megabytes:.0f} MB downloaded, {totals.seconds:.0f} s")


def doctor() -> None:
    """Look for what could go wrong. Exit code 1 when something would make the start fail."""
    bad = False
    for check, findings in examine(native_lab()).items():
        if not findings:
            console().print(f"[green]ok[/]       {check}")
        for finding in findings:
            bad = bad or finding.level.value == "error"
            colour = "red" if finding.level.value == "error" else "yellow"
            console().print(f"[{colour}]{finding.level.value:8}[/] {check}: ", end="")
            console().print(f"{finding.text}\n         remedy: {finding.remedy}", markup=False)
    raise typer.Exit(1 if bad else 0)


def up(services: Services = None) -> None:
    """Set up what is missing, start everything, and wait until it is ready."""
    watch = Deadline(FOREVER)
    mode = choose_mode(settings())
    say(f"mode: {mode.name} ({mode.why})")
    setup()
    lab = native_lab()
    preflight(lab, say)
    keep_mode(settings(), mode)
    lab.up(services or [], say)
    say(f"ready after {watch.elapsed:.1f} s" + ("" if services else f": {settings().web_url}"))


def down() -> None:
    """Stop everything and keep the data."""
    if not native_lab().down(say):
        say("nothing was running")


def restart(service: Annotated[str, typer.Argument(help="the service")], follow_log: Follow = False) -> None:
    """Stop one service and start it again."""
    native_lab().restart(service, say)
    if follow_log:
        follow(settings(), service, lines=20)


def webapp_local() -> None:
    """Run the web app from the working tree in the foreground, reloading on change, in place of the managed one."""
    lab = native_lab()
    managed = lab.is_alive("webapp")
    if managed:
        lab.stop(["webapp"], say)
    say(f"{settings().web_url} from the working tree, until Ctrl-C")
    command = [*web_command()[:-1], "--reload", web_command()[-1]]
    environment = {**os.environ, **settings_environment(settings())}
    try:
        subprocess.run(command, check=False, cwd=PROJECT_DIR, env=environment)
    except KeyboardInterrupt:
        say("stopped")
    finally:
        if managed:
            lab.up(["webapp"], say)


def mode() -> None:
    """Say how this lab runs on this machine, and why."""
    chosen = choose_mode(settings())
    say(f"{chosen.name}: {chosen.why}")
