"""The lab's Delta tables as they are stored: opened by name and version, asked with SQL, never written."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from contracts.errors import UnknownName
from contracts.expectations import Unique
from contracts.model import Lab, Table
from scripts.lakehouse.errors import TableError

COMMIT_FILE = re.compile(r"^(\d{20})\.json$")


class Store:
    """The tables of `lab` below `root`, a folder or an object store's address."""

    def __init__(self, root: str, lab: Lab) -> None:
        self.lab = lab
        self._root = root.rstrip("/")

    def table(self, name: str) -> Table:
        """The declared table called `name`.

        Raises:
            TableError: there is none.
        """
        try:
            return self.lab.table(name)
        except UnknownName as error:
            raise TableError(str(error)) from error

    def path(self, table: Table) -> str:
        """Where `table` is stored."""
        return f"{self._root}/{table.path}"

    def open(self, table: Table, version: int | None = None) -> DeltaTable:
        """`table` as of `version`, by default the newest.

        Raises:
            TableError: the table was not made yet, or it has no such version any more or yet.
        """
        try:
            opened = DeltaTable(self.path(table))
        except TableNotFoundError as error:
            raise TableError(f"{table.full_name} was not made yet: the lakehouse makes it when it starts") from error
        if version is None:
            return opened
        newest = opened.version()
        try:
            if 0 <= version <= newest:
                return DeltaTable(self.path(table), version=version)
        except (DeltaError, OSError):
            pass  # the answer is the same as for a version that never was
        raise TableError(f"{table.full_name} has no version {version}; it has {self.oldest(table)} to {newest}")

    def made(self) -> list[Table]:
        """The declared tables that are there."""
        return [table for table in self.lab.tables if DeltaTable.is_deltatable(self.path(table))]

    def oldest(self, table: Table) -> int:
        """The oldest version of `table` that can still be read."""
        if "://" in self._root:
            return int(self.open(table).history()[-1]["version"])
        log = [each.name for each in (Path(self.path(table)) / "_delta_log").iterdir()]
        starts = {int(name[:20]) for name in log if name.endswith(".checkpoint.parquet")}
        if "0".zfill(20) + ".json" in log:
            starts.add(0)
        return min(starts)

    def key(self, table: Table) -> str:
        """The column that names a row of `table`.

        Raises:
            TableError: no column does.
        """
        names = [each.column for each in table.expects if isinstance(each, Unique)]
        present = {field.name for field in self.open(table).schema().fields}
        for name in (*names, "_key"):
            if name in present:
                return name
        raise TableError(f"{table.full_name} has no column that names a row; leave --key out")


def query(sql: str, **tables: DeltaTable) -> list[dict[str, Any]]:
    """The rows that `sql` gives over `tables`, by the names they have here."""
    builder = QueryBuilder()
    for name, table in tables.items():
        builder = builder.register(name, table)
    rows: list[dict[str, Any]] = pa.table(builder.execute(sql)).to_pylist()
    return rows


def literal(text: str) -> str:
    """`text` as SQL says it."""
    return "'" + text.replace("'", "''") + "'"
