"""Upkeep on request, without Spark: python -m spark.maintain prints what was done to each table, as JSON.

A table that a driver writes is tended by that driver; every other one by this process, under the table's lock.
"""

import json
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict

from contracts.model import Table
from contracts.settings import Settings, load_settings
from spark.pipeline import STEPS
from spark.runtime.caretaker import Caretaker, Tended
from spark.runtime.desk import Desk
from spark.runtime.errors import LakehouseError, TableBusy
from spark.runtime.locks import TableLocks
from spark.runtime.main import EXIT_FAILED
from spark.runtime.progress import needs_of
from spark.runtime.small_tables import SmallTables
from spark.runtime.steps import tables_written

WITHIN_S = 300.0
ASK_AGAIN_S = 2.0


def maintain(settings: Settings) -> list[Tended]:
    """Tend every table of the lab that is there.

    Raises:
        LakehouseError: the tables are in an object store, or a table's writer did not answer.
    """
    if "://" in settings.delta_root:
        raise LakehouseError(
            f"the tables are in {settings.delta_root}: upkeep is not for an object store. Remedy: Delta's own OPTIMIZE "
            "and VACUUM, with a retention longer than the longest stop of a reader"
        )
    caretaker = Caretaker(
        settings.delta_root,
        turn=lambda _: nullcontext(),
        needs=needs_of(settings.checkpoints_dir, STEPS),
    )
    made = [table for table in tables_written(STEPS) if SmallTables().exists(f"{settings.delta_root}/{table.path}")]
    return [_tend(settings, caretaker, table) for table in made]


def _tend(settings: Settings, caretaker: Caretaker, table: Table) -> Tended:
    """By ourselves when nobody writes the table, else by its writer, whichever comes first to be possible."""
    desk, deadline = Desk(settings.run_dir), time.monotonic() + WITHIN_S
    desk.ask(table)
    try:
        while time.monotonic() < deadline:
            locks = TableLocks(settings.run_dir, "maintain")
            try:
                locks.acquire((table,))
            except TableBusy:
                desk.ask_again(table)
                if tended := desk.wait(table, time.monotonic() + ASK_AGAIN_S):
                    return tended
                continue
            try:
                desk.take_back(table)
                return caretaker.tend(table, cluster=True)
            finally:
                locks.release()
    finally:
        desk.take_back(table)
    raise LakehouseError(
        f"the writer of {table.full_name} did not answer within {WITHIN_S:.0f} s: see make logs S=spark"
    )


def main() -> int:
    """Print what was done; the process's exit code."""
    try:
        print(json.dumps([asdict(each) for each in maintain(load_settings())]))
    except LakehouseError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
