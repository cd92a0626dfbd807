"""How answers look: a plain table for people, JSON for programs."""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from scripts.screen import screen

MB = 1_000_000


def grid(headings: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print `rows` below `headings`; the columns `right` are aligned as numbers are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        whole = heading in ("table", "for example")
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    screen().print(table)


def print_json(value: object) -> None:
    """Print `value` for programs."""
    print(json.dumps(value, indent=1, default=shown))


def shown(value: Any) -> str:
    """A cell: nothing as "-", numbers with their thousands, bytes as the text they hold."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dict | list):
        return json.dumps(value, default=shown)
    return str(value)


def clock(at_ms: int | None) -> str | None:
    """A time as people read it here: today's without the date."""
    if at_ms is None:
        return None
    moment, today = time.localtime(at_ms / 1000), time.localtime()
    same_day = moment[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", moment)
