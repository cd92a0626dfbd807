"""`lab tables`, `quality`, `lineage`, `maintain`: what is stored, how good it is, where it comes from, its upkeep."""

import time
from typing import Annotated

import typer

from contracts.marketing import QUALITY
from scripts.lakehouse import quality as qualities
from scripts.lakehouse.history import Commit
from scripts.lakehouse.lineage import Lineage, by_source, upstream
from scripts.lakehouse.lineage import lineage as lineage_of
from scripts.lakehouse.maintain import maintained
from scripts.lakehouse.printing import MB, clock, grid, print_json
from scripts.lakehouse.sizes import sizes
from scripts.lakehouse.store import Store
from scripts.stack.commands.context import declared, settings

BLANK = (" ", " ", " ")
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def store() -> Store:
    """The tables of the lab of these settings."""
    return Store(settings().delta_root, declared(settings()))


def tables(as_json: AsJson = False) -> None:
    """Rows, files, bytes and versions of each Delta table."""
    rows = sizes(store())
    if as_json:
        print_json([vars(row) for row in rows])
        return
    headings = ("table", "rows", "files", "MB", "versions", "log files", "MB on disk", "last commit")
    grid(
        headings,
        (
            (
                row.table,
                row.rows,
                row.files,
                f"{row.bytes / MB:.2f}",
                f"{row.oldest_version}..{row.version}",
                row.log_files,
                None if row.disk_bytes is None else f"{row.disk_bytes / MB:.2f}",
                clock(row.committed_at_ms),
            )
            for row in rows
        ),
        right=headings[1:],
    )


def quality(
    now: Annotated[bool, typer.Option("--now", help="Count over the tables as they are now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Per table and expectation: rows checked, rows that broke it, and when."""
    rows = qualities.counted_now(store(), time.time_ns() // 1_000_000) if now else qualities.counted(store(), QUALITY)
    if as_json:
        print_json(qualities.as_json(rows))
        return
    headings = ("table", "expectation", "checked", "broken", "then", "checked at", "broken at", "for example")
    grid(
        headings,
        (
            (
                row.table,
                row.expectation,
                row.checked,
                row.violated,
                row.outcome,
                clock(row.counted_at_ms),
                clock(row.violated_at_ms),
                row.examples[0] if row.examples else None,
            )
            for row in rows
        ),
        right=("checked", "broken"),
    )


def lineage(
    name: Annotated[str | None, typer.Argument(help="layer.name; by default every table.")] = None,
    as_json: AsJson = False,
) -> None:
    """From which versions of which sources a table's newest version came. Ends with 1 when a source is undeclared."""
    tables_asked = upstream(store(), store().table(name)) if name else list(store().lab.tables)
    found = [lineage_of(store(), each) for each in tables_asked]
    if as_json:
        print_json([{**vars(each), "made": each.made and _made(each.made)} for each in found])
    else:
        grid(("table", "version", "made at", "from", "what was read"), (row for each in found for row in _rows(each)))
    if any(each.undeclared for each in found):
        raise typer.Exit(1)


def _made(commit: Commit) -> dict[str, object]:
    return {**vars(commit), "origin": commit.origin and vars(commit.origin)}


def _rows(found: Lineage) -> list[tuple[object, ...]]:
    """A row per source, declared or not; the first one says what and when."""
    read = by_source(found.made.origin) if found.made and found.made.origin else {}
    version = None if found.made is None else found.made.version
    heads = [(found.table, version, clock(found.made.at_ms) if found.made else "not made yet")]
    sources = [(name, read.get(name, "nothing in this version")) for name in found.sources]
    sources += [(name, f"{read.get(name, 'in an earlier version')}, NOT DECLARED") for name in found.undeclared]
    rows: list[tuple[object, ...]] = []
    for number, source in enumerate(sources):
        rows.append((*(heads[0] if number == 0 else BLANK), *source))
    if found.topic:
        rows.append((*BLANK, f"published to {found.topic}", " "))
    return rows


def maintain(as_json: AsJson = False) -> None:
    """Compact the tables, cluster those where it pays, and remove what no version that is kept needs."""
    tended = maintained(settings())
    if as_json:
        print_json(tended)
        return
    headings = (
        "table",
        "files",
        "clustered",
        "files removed",
        "log files",
        "MB",
        "changes kept from",
        "s",
    )
    grid(
        headings,
        (
            (
                each["table"],
                f"{each['files_before']} to {each['files']}",
                "yes" if each["clustered"] else None,
                each["removed_files"],
                each["removed_log_files"],
                f"{each['removed_bytes'] / MB:.2f}",
                f"{each['oldest_change']}" + (f" for {each['held_by']}" if each["held_by"] else ""),
                f"{each['seconds']:.2f}",
            )
            for each in tended
        ),
        right=("files removed", "log files", "MB", "s"),
    )
