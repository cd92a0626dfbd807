"""status: one row per service."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from scripts.screen import screen
from scripts.stack.commands.context import native_lab, settings
from scripts.stack.status import READY, ServiceStatus, lab_status

COLOURS = {READY: "green", "stopped": "dim", "failed": "red", "restarting": "red", "orphaned": "red"}


def status(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show state, address, uptime, restarts, memory (PSS) and lag of each service."""
    rows = lab_status(native_lab())
    total = sum(row.memory_mb or 0 for row in rows)
    if as_json:
        report = {"home": str(settings().home), "memory_mb": round(total, 1), "services": [asdict(row) for row in rows]}
        print(json.dumps(report, indent=1))
        return
    console = screen()
    console.print(_table(rows))
    console.print(f"memory together: {total:.0f} MB")


def _table(rows: list[ServiceStatus]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("service", "state", "address", "process"):
        table.add_column(heading, no_wrap=True)
    for heading in ("uptime", "restarts", "MB", "lag"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        colour = COLOURS.get(row.state, "yellow")
        cells = (row.url, _or_dash(row.pid), _duration(row.uptime_s), str(row.restarts))
        numbers = (_or_dash(None if row.memory_mb is None else round(row.memory_mb)), _or_dash(row.lag))
        table.add_row(row.name, f"[{colour}]{row.state}[/]", *cells, *numbers, row.detail)
    return table


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
