"""Reading Delta tables without Spark: columns chosen, batch by batch."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from contracts.model import Table
from scripts.audit.errors import BooksMoved, CannotAudit


class Lakehouse:
    """The Delta tables below `root` (a folder or an object store's address)."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    def version(self, table: Table) -> int:
        """The table's newest version, -1 when there is no such table yet."""
        opened = self._open(table)
        return -1 if opened is None else opened.version()

    def rows(
        self, table: Table, columns: tuple[str, ...], where: str = "", order: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """The table's rows as tuples of `columns`. A table that does not exist yet has none.

        Raises:
            CannotAudit: the table lacks a column.
            BooksMoved: the table's files were replaced while they were read.
        """
        opened = self._open(table)
        if opened is None:
            return
        missing = set(columns) - {field.name for field in opened.schema().fields}
        if missing:
            raise CannotAudit(
                f"{table.full_name} has no column {', '.join(sorted(missing))}",
                "make spark: a driver adds new columns when it starts",
            )
        query = f"SELECT {', '.join(map(_quoted, columns))} FROM t"  # noqa: S608 - names of our own
        query += f" WHERE {where}" if where else ""
        query += f" ORDER BY {order}" if order else ""
        try:
            for batch in QueryBuilder().register("t", opened).execute(query):
                arrays = pa.record_batch(batch).columns
                yield from zip(*(array.to_pylist() for array in arrays), strict=True)
        except (DeltaError, OSError) as error:
            raise BooksMoved(f"{table.full_name}: {error}") from error
        except Exception as error:  # the query engine raises bare exceptions
            if "not found" in str(error).lower():
                raise BooksMoved(f"{table.full_name}: {error}") from error
            raise

    def _open(self, table: Table) -> DeltaTable | None:
        try:
            return DeltaTable(f"{self._root}/{table.path}")
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise BooksMoved(f"{table.full_name}: {error}") from error


def _quoted(column: str) -> str:
    return f'"{column}"'
