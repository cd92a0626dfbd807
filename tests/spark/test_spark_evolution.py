"""Columns that tables get while they are in use: by a later schema, or because a job asks for them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from contracts.marketing import BRONZE_PROFILES, GOLD_CUSTOMER_360, SILVER_CUSTOMERS
from spark.marketing.silver_customers_orders import STEPS as SILVER_STEPS
from spark.runtime.advance import Stepper
from spark.runtime.batches import held
from spark.runtime.decode import fits_a_table
from spark.runtime.errors import StateRefused
from spark.runtime.kafka import KafkaSink
from spark.runtime.merging import Newer
from spark.runtime.progress import Progress
from spark.runtime.state import LakehouseState
from spark.runtime.steps import Recompute, Upsert
from spark.runtime.tables import Tables, columns_of

pytestmark = pytest.mark.spark

IN_SPARK, IN_SMALL_STEPS = 0, 1_000
ROWS = "customer_id STRING, name STRING, _offset BIGINT"
NO_SINK = KafkaSink(None)  # type: ignore[arg-type]  # these steps send nothing


def frame(spark: SparkSession, columns: str, *rows: dict[str, Any]) -> DataFrame:
    schema = columns_of(columns)
    return spark.createDataFrame([tuple(row.get(name) for name in schema.names) for row in rows], schema)


def nested(*fields: tuple[str, Any]) -> Any:
    return {"type": "record", "name": "Inner", "fields": [{"name": name, "type": kind} for name, kind in fields]}


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        ("string", True),
        ({"type": "long", "logicalType": "timestamp-millis"}, True),
        ({"type": "map", "values": {"type": "array", "items": nested(("a", "int"))}}, True),
        (["null", "int", "string"], True),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, False),
        ({"type": "array", "items": "null"}, False),
        (nested(), False),
        (nested(("a", "int"), ("A", "int")), False),
        ({"type": "map", "values": nested(("again", ["null", "Inner"]))}, False),
    ],
)
def test_only_what_a_table_can_store_becomes_a_column(spark: SparkSession, kind: Any, fits: bool) -> None:
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [{"name": "id", "type": "string"}, {"name": "x", "type": kind}],
    }
    assert fits_a_table(spark, json.dumps(schema)) == fits


@pytest.mark.parametrize("few_rows", [IN_SPARK, IN_SMALL_STEPS])
def test_a_table_gets_a_column_and_both_writers_go_on(spark: SparkSession, tmp_path: Path, few_rows: int) -> None:
    tables = Tables(spark, str(tmp_path / "delta"), few_rows)
    other = Tables(spark, str(tmp_path / "delta"), IN_SMALL_STEPS if few_rows == IN_SPARK else IN_SPARK)
    tables.create(SILVER_CUSTOMERS, columns_of(ROWS), "checkpoint")

    def append(to: Tables, columns: str, **row: Any) -> None:
        with held(frame(spark, columns, row), to._few_rows) as batch:
            to.append(SILVER_CUSTOMERS, batch)

    append(tables, ROWS, customer_id="a", name="1", _offset=1)
    later = f"{ROWS}, Campaign STRING"
    assert tables.add_columns(SILVER_CUSTOMERS, columns_of(later)) == ["Campaign"]
    assert tables.add_columns(SILVER_CUSTOMERS, columns_of(later.lower())) == []
    append(tables, later, customer_id="b", name="1", _offset=2, Campaign="spring")
    append(other, "Campaign STRING, _offset BIGINT, customer_id STRING", customer_id="c", _offset=3, Campaign="x")
    merged = frame(
        spark, f"{later}, _gone BOOLEAN", {"customer_id": "a", "_offset": 4, "Campaign": "y", "_gone": False}
    )
    with held(merged, few_rows) as batch:
        tables.merge(SILVER_CUSTOMERS, batch, "customer_id", "_gone", Newer("_offset"))
    rows = {row.customer_id: (row.name, row.Campaign) for row in tables.read(SILVER_CUSTOMERS).collect()}
    assert rows == {"a": (None, "y"), "b": ("1", "spring"), "c": (None, "x")}
    for reader in (tables, other):
        feed, end = reader.changes(SILVER_CUSTOMERS, 1, reader.version(SILVER_CUSTOMERS))
        assert end == reader.version(SILVER_CUSTOMERS)
        seen = {(row.customer_id, row.name, row.Campaign) for row in feed.collect()}
        assert seen == {("a", "1", None), ("a", None, "y"), ("b", "1", "spring"), ("c", None, "x")}


def test_a_column_keeps_its_type(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(spark, str(tmp_path / "delta"))
    state = LakehouseState(tmp_path / "checkpoints")
    state.claim("cluster")
    state.ensure(tables, {SILVER_CUSTOMERS: columns_of(ROWS)})
    state.ensure(tables, {SILVER_CUSTOMERS: columns_of(f"{ROWS}, score DOUBLE")})
    assert tables.read(SILVER_CUSTOMERS).columns[-1] == "score"
    with pytest.raises(StateRefused, match=r"silver\.customers has column score as double, and string is asked for"):
        state.ensure(tables, {SILVER_CUSTOMERS: columns_of(f"{ROWS}, score STRING")})


def silver_that_asks(spark: SparkSession, root: Path, kind: str) -> tuple[Tables, Stepper, str]:
    """silver.customers of a job that asks for the optional column `points`, over a bronze table without it."""
    step = next(step for step in SILVER_STEPS if isinstance(step, Upsert))
    asking = replace(step, optional=f"points {kind}")
    bronze = f"_key STRING, _is_tombstone BOOLEAN, {step.columns}"
    tables = Tables(spark, str(root / "delta"))
    tables.create(BRONZE_PROFILES, columns_of(bronze), "checkpoint")
    tables.create(SILVER_CUSTOMERS, columns_of(f"{step.columns}, points {kind}"), "checkpoint")
    return tables, Stepper(asking, tables, Progress(root / "progress", step.name), NO_SINK), bronze


@pytest.mark.parametrize(
    ("kind", "sent_as", "values"),
    [
        ("BIGINT", "BIGINT", (7, 7)),
        ("STRING", "INT", (7, "7")),
        ("INT", "STRING", ("seven", None)),
    ],
)
def test_an_optional_column_is_null_until_it_is_sent(
    spark: SparkSession, tmp_path: Path, kind: str, sent_as: str, values: tuple[Any, Any]
) -> None:
    sent, expected = values
    tables, stepper, bronze = silver_that_asks(spark, tmp_path, kind)
    stepper.warm_up()

    def profile(columns: str, **values: Any) -> None:
        with held(frame(spark, columns, {"_partition": 0, "_is_tombstone": False, **values})) as batch:
            tables.append(BRONZE_PROFILES, batch)
        stepper.advance()

    profile(bronze, _key="a", _offset=1)
    assert [(row.customer_id, row.points) for row in tables.read(SILVER_CUSTOMERS).collect()] == [("a", None)]
    tables.add_columns(BRONZE_PROFILES, columns_of(f"points {sent_as}"))
    profile(f"{bronze}, points {sent_as}", _key="a", _offset=2, points=sent)
    profile(f"{bronze}, points {sent_as}", _key="b", _offset=3)
    rows = {row.customer_id: row.points for row in tables.read(SILVER_CUSTOMERS).collect()}
    assert rows == {"a": expected, "b": None}


def test_a_job_with_another_column_computes_every_row_anew(spark: SparkSession, tmp_path: Path) -> None:
    tables = Tables(spark, str(tmp_path / "delta"))
    tables.create(SILVER_CUSTOMERS, columns_of(ROWS), "checkpoint")
    before = Recompute(
        name="gold", job="gold", reads=(SILVER_CUSTOMERS,), writes=GOLD_CUSTOMER_360, key="customer_id",
        columns="customer_id STRING", transform=lambda inputs, _: inputs[0].select("customer_id"),
    )  # fmt: skip
    after = replace(
        before,
        columns="customer_id STRING, name STRING",
        transform=lambda inputs, _: inputs[0].select("customer_id", "name"),
    )
    tables.create(GOLD_CUSTOMER_360, columns_of(before.columns), "checkpoint")
    with held(frame(spark, ROWS, {"customer_id": "a", "name": "Ada", "_offset": 1})) as batch:
        tables.append(SILVER_CUSTOMERS, batch)

    def advance(step: Recompute) -> bool:
        return Stepper(step, tables, Progress(tmp_path / "progress", step.name), NO_SINK).advance() is not None

    assert (advance(before), advance(before)) == (True, False)
    tables.add_columns(GOLD_CUSTOMER_360, columns_of(after.columns))
    assert (advance(after), advance(after)) == (True, False)
    assert [tuple(row) for row in tables.read(GOLD_CUSTOMER_360).collect()] == [("a", "Ada")]
    assert json.loads((tmp_path / "progress" / "gold.json").read_text("utf-8"))["columns"] == after.columns
