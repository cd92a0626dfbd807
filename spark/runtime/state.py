"""Tables and checkpoints only ever go together: made together, checked against each other at every start."""

import json
import uuid
from pathlib import Path

from pyspark.sql.types import StructType

from contracts.cluster import claim_cluster
from contracts.model import Table
from spark.runtime.errors import StateRefused
from spark.runtime.report import say
from spark.runtime.tables import Tables

ID_FILE = "lakehouse.json"


class LakehouseState:
    """The checkpoints folder: the cluster it belongs to, its own id, and the tables that were made with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / ID_FILE

    def claim(self, cluster_id: str) -> str:
        """Bind the folder to the cluster; the checkpoints' id.

        Raises:
            ClusterMismatch: the checkpoints are positions in another cluster's topics.
        """
        claim_cluster(self.folder, cluster_id)
        if not self._file.exists():
            self._write(str(uuid.uuid4()), [])
        return self._read()[0]

    def ensure(self, tables: Tables, schemas: dict[Table, StructType]) -> None:
        """Make the tables that were never made; check the others, and add the columns they lack.

        Raises:
            StateRefused: a table is gone, belongs to other checkpoints, or has a column of another type.
        """
        checkpoint_id, made = self._read()
        for table, schema in schemas.items():
            if not tables.exists(table):
                if table.full_name in made:
                    raise StateRefused(
                        f"checkpoints in {self.folder} know table {table.full_name}, but {tables.path(table)} is no "
                        "Delta table; tables and checkpoints only go together. Remedy: make clear"
                    )
                tables.create(table, schema, checkpoint_id)
            tables.check_owner(table, checkpoint_id)
            added = tables.add_columns(table, schema)
            if added:
                say(f"{table.full_name} has new columns: {', '.join(added)}")
            if table.full_name not in made:
                made.append(table.full_name)
                self._write(checkpoint_id, made)

    def _read(self) -> tuple[str, list[str]]:
        content = json.loads(self._file.read_text("utf-8"))
        return content["id"], content["tables"]

    def _write(self, checkpoint_id: str, tables: list[str]) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"id": checkpoint_id, "tables": tables}), "utf-8")
        part.replace(self._file)
