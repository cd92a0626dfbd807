"""Merges by deletion vectors: the table, its change feed and what delta-rs makes of both, without Spark."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql.types import StructType

from spark.runtime import row_merge
from spark.runtime.merging import Newer
from spark.runtime.small_tables import SmallTables
from spark.runtime.vectors import descriptor

COLUMNS = StructType().add("id", "string").add("value", "string").add("_offset", "long")
Row = dict[str, Any]


def made(path: Path) -> str:
    properties = {"delta.enableChangeDataFeed": "true", **row_merge.VECTORS}
    SmallTables().create(str(path), COLUMNS, properties)
    return str(path)


def batch(rows: dict[str, tuple[str, int, bool]]) -> pa.Table:
    columns = zip(*((key, *values) for key, values in rows.items()), strict=True)
    return pa.table(dict(zip(("id", "value", "_offset", "_gone"), columns, strict=True)))


def read(path: str) -> dict[str, str]:
    found = QueryBuilder().register("t", DeltaTable(path)).execute("SELECT id, value FROM t")
    rows = pa.RecordBatchReader.from_stream(found).read_all().to_pylist()
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row["value"] for row in rows}


def changes(path: str, version: int) -> list[tuple[str, str, str]]:
    feed = DeltaTable(path).load_cdf(starting_version=version, ending_version=version)
    rows = pa.RecordBatchReader.from_stream(feed).read_all().to_pylist()
    return sorted((row["id"], row["value"], row["_change_type"]) for row in rows)


def test_a_merge_replaces_inserts_and_removes(tmp_path: Path) -> None:
    path, tables = made(tmp_path), SmallTables()
    first = {key: (key, 1, False) for key in "abcdefghij"}
    assert tables.merge(path, batch(first), "id", "_gone", Newer("_offset"), note="n1") == 10
    second = {"a": ("A", 2, False), "b": ("", 2, True), "c": ("late", 0, False), "k": ("k", 2, False)}
    assert tables.merge(path, batch(second), "id", "_gone", Newer("_offset"), note="n2") == 3
    assert read(path) == {**{key: key for key in "cdefghijk"}, "a": "A"}
    assert changes(path, 2) == [
        ("a", "A", "update_postimage"),
        ("a", "a", "update_preimage"),
        ("b", "b", "delete"),
        ("k", "k", "insert"),
    ]
    assert DeltaTable(path).history(1)[0]["userMetadata"] == "n2"
    assert tables.merge(path, batch(second), "id", "_gone", Newer("_offset")) == 0
    assert tables.version(path) == 2


@pytest.mark.parametrize("most_gone", [0.2, 1.0])
@pytest.mark.parametrize("few", [0, 100])
def test_many_merges_end_in_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_gone: float, few: int
) -> None:
    """Files are written anew at some point, logs get checkpoints, processes change, delta-rs compacts in between."""
    monkeypatch.setattr(row_merge, "MOST_GONE", most_gone)
    monkeypatch.setattr(row_merge, "FEW_VALUES", few)
    path, tables, rng, wanted = made(tmp_path), SmallTables(), random.Random(1), dict[str, str]()
    for number in range(60):
        keys = rng.sample(range(300), rng.choice((1, 5, 120)))
        some = {f"k{key}": (f"v{number}", number, rng.random() < 0.2) for key in keys}
        tables.merge(path, batch(some), "id", "_gone", Newer("_offset"))
        for key, (value, _, gone) in some.items():
            wanted.pop(key, None)
            wanted |= {} if gone else {key: value}
        assert read(path) == wanted
        if number % 20 == 10:
            tables = SmallTables()
        if number == 35:
            DeltaTable(path).optimize.compact()
    assert list(Path(path, "_delta_log").glob("*.checkpoint.parquet"))


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    rows = batch({"a": ("a", 1, False)})
    late = row_merge.RowMerge(DeltaTable(path), path, "id", pa.array(["a"]))
    SmallTables().merge(path, rows, "id", "_gone", Newer("_offset"))
    with pytest.raises(FileExistsError):
        late.commit(rows, "_gone", None)
    assert read(path) == {"a": "a"}


def test_a_table_made_without_vectors_gets_them(tmp_path: Path) -> None:
    path = str(tmp_path)
    SmallTables().create(path, COLUMNS, {"delta.enableChangeDataFeed": "true"})
    SmallTables().merge(path, batch({"a": ("a", 1, False), "b": ("b", 1, False)}), "id", "_gone", Newer("_offset"))
    SmallTables().merge(path, batch({"a": ("A", 2, False)}), "id", "_gone", Newer("_offset"))
    assert read(path) == {"a": "A", "b": "b"}
    assert {"changeDataFeed", "deletionVectors"} <= set(DeltaTable(path).protocol().writer_features or [])


@pytest.mark.parametrize("share", [0.0001, 0.05, 0.07, 0.9])
def test_a_vector_of_any_density_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Containers of lists and of bits, over several of 65,536 rows."""
    monkeypatch.setattr(row_merge, "MOST_GONE", 1.0)
    path, tables, rng, count = made(tmp_path), SmallTables(), random.Random(2), 150_000
    tables.merge(path, batch({f"k{one}": ("v", 1, False) for one in range(count)}), "id", "_gone", Newer("_offset"))
    gone = sorted(rng.sample(range(count), max(1, int(count * share))))
    tables.merge(path, batch({f"k{one}": ("", 2, True) for one in gone}), "id", "_gone", Newer("_offset"))
    assert set(read(path)) == {f"k{one}" for one in range(count)} - {f"k{one}" for one in gone}


def test_a_bitmap_is_that_of_the_protocols_example() -> None:
    """The rows 3, 4, 7, 11, 18 and 29; only the header is another, of the newer form."""
    gone = pa.array([row in (3, 4, 7, 11, 18, 29) for row in range(30)])
    found = descriptor(gone)
    assert found["pathOrInlineDv"].endswith("iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L")
    assert (found["sizeInBytes"], found["cardinality"]) == (44, 6)
