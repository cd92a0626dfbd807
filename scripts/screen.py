"""Where tables are printed: as wide as the terminal, and wide enough for a log where there is none."""

from rich.console import Console

WIDE = 150


def screen() -> Console:
    """A console on standard output."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)
