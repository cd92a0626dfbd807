"""`./lab drill` and `make drill`."""

from typing import Annotated

import typer
from rich.table import Table

from scripts.drill.errors import DrillError
from scripts.drill.run import Healed, Load
from scripts.drill.run import drill as run_drill
from scripts.drill.victims import Victim, all_victims
from scripts.stack.commands.context import console, native_lab, say
from scripts.stack.errors import StackError


def drill(
    rate: Annotated[float, typer.Option(min=1, help="events per second during the drill")] = 500.0,
    seed: Annotated[int, typer.Option(help="fixes the shape of what is generated")] = 7,
    bad: Annotated[float, typer.Option(min=0, max=1, help="share of faults")] = 0.01,
    only: Annotated[str, typer.Option(help="services to kill, with commas; all without it")] = "",
    within: Annotated[float, typer.Option(min=1, help="seconds a service may take to heal")] = 60.0,
) -> None:
    """Kill every process of the running lab in turn, under load. Exit code 1 when one does not heal in time.

    Then run `audit`: the books must balance.
    """
    try:
        lab = native_lab()
        victims = _chosen(all_victims(lab), only)
        results = run_drill(lab, victims, Load(rate, seed, bad), within, say)
    except (DrillError, StackError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    console().print(_table(results))
    if any(each.seconds is None for each in results):
        raise typer.Exit(1)


def _chosen(victims: list[Victim], only: str) -> list[Victim]:
    """The victims of the services named in `only`.

    Raises:
        DrillError: a name is no service's.
    """
    if not only:
        return victims
    names = [name.strip() for name in only.split(",")]
    known = {victim.service for victim in victims}
    if unknown := [name for name in names if name not in known]:
        raise DrillError(f"no service {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [victim for victim in victims if victim.service in names]


def _table(results: list[Healed]) -> Table:
    table = Table("killed", "healthy again after")
    for each in results:
        table.add_row(each.victim.name, "not in time" if each.seconds is None else f"{each.seconds:.1f} s")
    return table
