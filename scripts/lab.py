"""The lab's command line: `./lab --help`."""

import importlib
from collections.abc import Callable
from typing import Any

import typer

from scripts.bootstrap.errors import BootstrapError
from scripts.ksql_client import KsqlError
from scripts.lakehouse.errors import TableError
from scripts.stack.commands import data, info, lifecycle, logs
from scripts.stack.commands.context import fail
from scripts.stack.errors import StackError

# These belong to parts of their own, which need much more to be imported.
LATER = {name: f"scripts.{name}.cli" for name in ("generate", "verify", "audit", "drill", "sql")}
LATER["replay-quarantine"] = "scripts.replay.cli"
LATER |= dict.fromkeys(("tables", "quality", "lineage", "maintain"), "scripts.lakehouse.cli")
LATER |= {"table": "scripts.lakehouse.table_cli"}
COMMANDS: dict[str, Callable[..., None]] = {
    "setup": lifecycle.setup,
    "doctor": lifecycle.doctor,
    "up": lifecycle.up,
    "down": lifecycle.down,
    "restart": lifecycle.restart,
    "status": info.status,
    "logs": logs.logs,
    "clear": data.clear,
    "distclean": data.distclean,
    "topics": data.topics,
    "schemas": data.schemas,
    "ksql": data.ksql,
    "ksql-reset": data.ksql_reset,
    "webapp-local": lifecycle.webapp_local,
    "mode": lifecycle.mode,
}


class LazyGroup(typer.core.TyperGroup):
    """Imports the commands of `LATER` when they are called or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name."""
        return [*super().list_commands(ctx), *LATER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`, None without one."""
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        found = getattr(importlib.import_module(LATER[cmd_name]), cmd_name.replace("-", "_"))
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(found)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run a command; what this project raises is told in one message, without a traceback."""
    try:
        app()
    except (StackError, BootstrapError, KsqlError, TableError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", 130)


if __name__ == "__main__":
    main()
