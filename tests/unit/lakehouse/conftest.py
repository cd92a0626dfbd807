"""A small lakehouse of the lab's tables, written without Spark."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake

from contracts.marketing import GOLD_CUSTOMER_360, MARKETING, QUALITY, SILVER_CUSTOMERS, SILVER_ORDERS
from contracts.model import Table
from contracts.origin import Origin
from scripts.lakehouse.store import Store

FEED = {"delta.enableChangeDataFeed": "true", "delta.checkpointInterval": "5"}
ID = pa.field("customer_id", pa.string())
COLUMNS = {
    SILVER_CUSTOMERS: pa.schema([ID, ("event_id", pa.string()), ("created_at_ms", pa.int64())]),
    SILVER_ORDERS: pa.schema(
        [
            ("order_id", pa.string()),
            ID,
            ("placed_at_ms", pa.int64()),
            ("order_total_cents", pa.int64()),
            ("currency", pa.string()),
        ]
    ),
    GOLD_CUSTOMER_360: pa.schema(
        [
            ID,
            ("order_count", pa.int64()),
            ("lifetime_value_cents", pa.int64()),
            ("engagement_rate", pa.float64()),
            ("lifecycle_stage", pa.string()),
            ("last_event_id", pa.string()),
        ]
    ),
    QUALITY: pa.schema(
        [
            ("table", pa.string()),
            ("expectation", pa.string()),
            ("outcome", pa.string()),
            ("checked", pa.int64()),
            ("violated", pa.int64()),
            ("examples", pa.list_(pa.string())),
            ("counted_at_ms", pa.int64()),
        ]
    ),
}


class SmallLakehouse:
    """Tables in a folder, written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store(str(root), MARKETING)
        for table, columns in COLUMNS.items():
            schema = Schema.from_arrow(columns)
            DeltaTable.create(str(root / table.path), schema, configuration=FEED)

    def append(self, table: Table, *rows: dict[str, Any], origin: Origin | None = None) -> None:
        note = CommitProperties({"userMetadata": origin.to_text()}) if origin else None
        batch = pa.Table.from_pylist(list(rows), schema=COLUMNS[table])
        write_deltalake(str(self.root / table.path), batch, mode="append", commit_properties=note)

    def merge(self, table: Table, key: str, *rows: dict[str, Any]) -> None:
        batch = pa.Table.from_pylist(list(rows), schema=COLUMNS[table])
        merger = DeltaTable(str(self.root / table.path)).merge(
            batch, f"t.{key} = s.{key}", source_alias="s", target_alias="t"
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()


@pytest.fixture
def lakehouse(tmp_path: Path) -> SmallLakehouse:
    return SmallLakehouse(tmp_path)
