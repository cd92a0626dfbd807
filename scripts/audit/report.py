"""The audit's table, for people."""

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from scripts.audit.findings import Check
from scripts.audit.settle import Outcome


def show(outcome: Outcome, console: Console) -> None:
    """Print one row per check, the first differences by id, and the verdict."""
    table = Table(title="The books", title_justify="left", expand=False)
    table.add_column("check", overflow="fold")
    table.add_column("compared", justify="right")
    table.add_column("differ", justify="right")
    table.add_column("", overflow="fold")
    for check in outcome.checks:
        colour = "green" if check.is_balanced else "bold red"
        table.add_row(check.name, f"{check.checked:,}", Text(f"{check.differing:,}", colour), _remarks(check))
    console.print(table)
    took = f"{outcome.took_s:.1f} s, compared {outcome.rounds}x"
    if outcome.is_balanced:
        console.print(Text(f"The books balance ({took}).", "bold green"))
        return
    console.print(Text(f"The books do not balance ({took}).", "bold red"))
    for hint in outcome.hints:
        console.print(Text(f"  {hint}", "yellow"))


def _remarks(check: Check) -> Group:
    lines = [Text(note, "dim") for note in check.notes]
    lines += [Text(example, "red") for example in check.examples]
    if check.differing > len(check.examples) > 0:
        lines.append(Text(f"… and {check.differing - len(check.examples):,} more", "red"))
    return Group(*lines)
