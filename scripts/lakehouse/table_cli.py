"""`lab table history | at | changes`: a table's past."""

from typing import Annotated, Any

import typer

from scripts.lakehouse.cli import AsJson, store
from scripts.lakehouse.errors import TableError
from scripts.lakehouse.history import Commit, changes, commits, rows_at
from scripts.lakehouse.lineage import in_words
from scripts.lakehouse.printing import clock, grid, print_json, shown

FIRST_COLUMNS = 7
"""As many columns as a screen holds; the others are for --columns, --key and --json."""

table = typer.Typer(no_args_is_help=True, help="A table's past: its versions, its rows then, its changes.")

Name = Annotated[str, typer.Argument(help="layer.name, as in `lab tables`.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
Key = Annotated[str | None, typer.Option(help="Only the row with this id.")]
Columns = Annotated[str | None, typer.Option(help="These columns only: a,b,c.")]


@table.command()
def history(name: Name, limit: Limit = 20, as_json: AsJson = False) -> None:
    """The versions of a table: when, who, how many rows, from which versions of its sources."""
    found = commits(store(), store().table(name), limit)
    if as_json:
        print_json([{**vars(each), "origin": each.origin and vars(each.origin)} for each in found])
        return
    headings = ("version", "at", "operation", "inserted", "updated", "deleted", "from")
    grid(headings, map(_row, found), right=("version", "inserted", "updated", "deleted"))


def _row(commit: Commit) -> tuple[object, ...]:
    words = in_words(commit.origin) if commit.origin else ""
    return commit.version, clock(commit.at_ms), commit.operation, commit.inserted, commit.updated, commit.deleted, words


@table.command()
def at(
    version: Annotated[str, typer.Argument(help="A version's number, or `latest`.")],
    name: Name,
    *,
    key: Key = None,
    limit: Limit = 20,
    columns: Columns = None,
    as_json: AsJson = False,
) -> None:
    """The rows of a table as they were in a version."""
    rows = rows_at(store(), store().table(name), _number(version), key, limit)
    _show(rows, columns, upright=key is not None, as_json=as_json)


@table.command("changes")
def changes_of(
    name: Name,
    *,
    first: Annotated[int, typer.Option("--from", min=0, help="The first version.")],
    last: Annotated[int | None, typer.Option("--to", min=0, help="The last version; by default the newest.")] = None,
    key: Key = None,
    limit: Limit = 20,
    columns: Columns = None,
    as_json: AsJson = False,
) -> None:
    """What changed in a table, version by version: its change data feed."""
    rows = changes(store(), store().table(name), first, last, key=key, limit=limit)
    for row in rows:
        row["version"], row["change"] = row.pop("_commit_version"), row.pop("_change_type")
    ordered = [{"version": row.pop("version"), "change": row.pop("change"), **row} for row in rows]
    kept = f"version,change,{columns}" if columns else None
    _show(ordered, kept, upright=False, as_json=as_json)


def _number(version: str) -> int | None:
    if version == "latest":
        return None
    try:
        return int(version)
    except ValueError:
        raise TableError(f"{version!r} is no version: give a number, or `latest`") from None


def _show(rows: list[dict[str, Any]], columns: str | None, *, upright: bool, as_json: bool) -> None:
    rows = [_chosen(row, columns) for row in rows]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("no rows")
    elif upright:
        for row in rows:
            grid(("column", "value"), ((name, _plain(value)) for name, value in row.items()))
    else:
        names = list(rows[0]) if columns else list(rows[0])[:FIRST_COLUMNS]
        grid(names, ([_plain(row[name]) for name in names] for row in rows))
        if left := len(rows[0]) - len(names):
            typer.echo(f"and {left} more columns: --columns, --json" + ("" if "change" in names else ", or --key"))


def _plain(value: object) -> str:
    """A value of a row as it is stored: ids, offsets and times in ms are no amounts."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else shown(value)


def _chosen(row: dict[str, Any], columns: str | None) -> dict[str, Any]:
    if columns is None:
        return row
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in row]:
        raise TableError(f"no column {', '.join(unknown)}; there are {', '.join(row)}")
    return {name: row[name] for name in wanted}
