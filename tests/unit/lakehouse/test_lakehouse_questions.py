"""What the commands say of tables: quality, history, rows then, changes, sizes, lineage."""

import json

import pytest
from conftest import SmallLakehouse
from typer.testing import CliRunner

from contracts.marketing import GOLD_CUSTOMER_360, GOLD_PROPENSITY, QUALITY, SILVER_CUSTOMERS, SILVER_ORDERS
from contracts.origin import Origin
from scripts.lab import app
from scripts.lakehouse.errors import TableError
from scripts.lakehouse.history import changes, commits, rows_at
from scripts.lakehouse.lineage import in_words, lineage, upstream
from scripts.lakehouse.quality import counted, counted_now
from scripts.lakehouse.sizes import sizes
from scripts.stack.commands import context

ORDER = {"customer_id": "c1", "placed_at_ms": 1, "order_total_cents": 5, "currency": "USD"}


@pytest.fixture
def gold(lakehouse: SmallLakehouse) -> SmallLakehouse:
    """Version 1 inserts a and b, 2 updates a, 3 inserts c."""
    lakehouse.merge(GOLD_CUSTOMER_360, "customer_id", {"customer_id": "a", "order_count": 1}, {"customer_id": "b"})
    lakehouse.merge(GOLD_CUSTOMER_360, "customer_id", {"customer_id": "a", "order_count": 2})
    lakehouse.append(GOLD_CUSTOMER_360, {"customer_id": "c"}, origin=Origin("gold", {"silver.orders": (3, 4)}))
    return lakehouse


def test_counts_of_all_turns_are_summed(lakehouse: SmallLakehouse) -> None:
    row = {"table": "silver.orders", "expectation": "order_id is unique", "outcome": "flagged"}
    lakehouse.append(QUALITY, {**row, "checked": 3, "violated": 1, "examples": ["o1"], "counted_at_ms": 10})
    lakehouse.append(QUALITY, {**row, "checked": 2, "violated": 0, "examples": [], "counted_at_ms": 20})
    lakehouse.append(QUALITY, {**row, "table": "bronze.order_placed", "checked": 1, "violated": 0, "counted_at_ms": 5})
    bronze, orders = counted(lakehouse.store, QUALITY)
    assert (bronze.table, bronze.violated_at_ms) == ("bronze.order_placed", None)
    assert (orders.checked, orders.violated, orders.counted_at_ms, orders.violated_at_ms) == (5, 1, 20, 10)
    assert orders.examples == ["o1"]


def test_a_count_of_now_sees_what_was_mended(lakehouse: SmallLakehouse) -> None:
    lakehouse.append(SILVER_ORDERS, {"order_id": "o1", **ORDER}, {"order_id": "o1", **ORDER, "customer_id": "c2"})
    lakehouse.append(SILVER_ORDERS, {"order_id": "o2", **ORDER, "order_total_cents": 0, "currency": "EUR"})

    def broken() -> dict[str, int]:
        return {
            row.expectation: row.violated for row in counted_now(lakehouse.store, 1) if row.table == "silver.orders"
        }

    assert broken() == {
        "order_id is unique": 2,
        "customer_id is not null": 0,
        "placed_at_ms is not null": 0,
        "order_total_cents >= 1": 1,
        "currency in (USD)": 1,
        "customer_id in silver.customers": 3,
    }
    lakehouse.append(SILVER_CUSTOMERS, {"customer_id": "c1"})
    assert broken()["customer_id in silver.customers"] == 1


def test_history_says_what_each_version_did(gold: SmallLakehouse) -> None:
    newest, update, insert, made = commits(gold.store, GOLD_CUSTOMER_360, 10)
    assert (newest.version, newest.inserted, newest.origin) == (3, 1, Origin("gold", {"silver.orders": (3, 4)}))
    assert (update.inserted, update.updated) == (0, 1)
    assert (insert.inserted, insert.updated) == (2, 0)
    assert made.operation == "create table"


def test_rows_are_as_they_were(gold: SmallLakehouse) -> None:
    def a_in(version: int | None) -> list[dict[str, object]]:
        return rows_at(gold.store, GOLD_CUSTOMER_360, version, key="a", limit=5)

    assert [row["order_count"] for row in (*a_in(1), *a_in(2), *a_in(None))] == [1, 2, 2]
    assert a_in(0) == []
    for version in (-1, 4):
        with pytest.raises(TableError, match=rf"has no version {version}; it has 0 to 3"):
            a_in(version)


def test_changes_show_the_old_and_the_new_row(gold: SmallLakehouse) -> None:
    found = changes(gold.store, GOLD_CUSTOMER_360, 1, None, key="a", limit=10)
    told = [(row["_commit_version"], row["_change_type"], row["order_count"]) for row in found]
    assert told == [(1, "insert", 1), (2, "update_preimage", 1), (2, "update_postimage", 2)]
    assert len(changes(gold.store, GOLD_CUSTOMER_360, 1, 1, key=None, limit=1)) == 1
    with pytest.raises(TableError, match="no changes from version 3 to 9; it has 1 to 3"):
        changes(gold.store, GOLD_CUSTOMER_360, 3, 9, key=None, limit=1)


def test_unknown_tables_are_named_with_the_known_ones(lakehouse: SmallLakehouse) -> None:
    with pytest.raises(TableError, match=r"no table 'gold\.nobody'; it has .*gold\.customer_360"):
        lakehouse.store.table("gold.nobody")
    with pytest.raises(TableError, match=r"gold\.propensity was not made yet"):
        lakehouse.store.open(GOLD_PROPENSITY)


def test_sizes(gold: SmallLakehouse) -> None:
    size = next(each for each in sizes(gold.store) if each.table == "gold.customer_360")
    assert (size.rows, size.oldest_version, size.version, size.log_files) == (3, 0, 3, 4)
    assert size.disk_bytes is not None
    assert size.disk_bytes > size.bytes > 0


def test_lineage_is_compared_with_what_was_read(gold: SmallLakehouse) -> None:
    found = lineage(gold.store, GOLD_CUSTOMER_360)
    assert found.sources == ["silver.customers", "silver.orders", "silver.activations"]
    assert found.made is not None
    assert (found.version, found.made.version, found.undeclared) == (3, 3, [])
    gold.append(GOLD_CUSTOMER_360, {"customer_id": "d"}, origin=Origin("gold", {}, {"bronze.order_placed": 1}))
    assert lineage(gold.store, GOLD_CUSTOMER_360).undeclared == ["bronze.order_placed"]
    names = [table.full_name for table in upstream(gold.store, GOLD_CUSTOMER_360)]
    assert (names[0], names[-1]) == ("gold.customer_360", "bronze.activation_delivery_status")


def test_an_origin_in_words() -> None:
    origin = Origin("s", {"silver.a": (3, 5), "silver.b": (2, 2)}, {"silver.a": 5}, {"t": {"0": (0, 4), "1": (7, 8)}})
    assert in_words(origin) == "silver.a changes of 3..5, rows of 5; silver.b changes of 2; t offsets 0:0..3 1:7..7"


@pytest.fixture
def lab(gold: SmallLakehouse, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DELTA_ROOT", str(gold.root))
    monkeypatch.setenv("LAB_HOME", str(gold.root / "home"))
    context.settings.cache_clear()
    return CliRunner()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("tables",), "gold.customer_360"),
        (("quality", "--now"), "order_id is unique"),
        (("lineage", "gold.customer_360"), "changes of 3..4"),
        (("table", "history", "gold.customer_360"), "silver.orders changes of 3..4"),
        (("table", "at", "1", "gold.customer_360", "--key", "a"), "order_count"),
        (("table", "at", "latest", "gold.customer_360", "--columns", "customer_id"), "customer_id"),
        (("table", "changes", "gold.customer_360", "--from", "2", "--key", "a"), "update_preimage"),
    ],
    ids=" ".join,
)
def test_commands_print_a_table_and_json(lab: CliRunner, words: tuple[str, ...], shown: str) -> None:
    told = lab.invoke(app, [*words])
    assert told.exit_code == 0, told.output
    assert shown in told.output
    told = lab.invoke(app, [*words, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)


def test_maintain_shows_what_was_done(lab: CliRunner) -> None:
    told = lab.invoke(app, ["maintain"])
    assert told.exit_code == 0, told.output
    assert "changes kept from" in told.output
    assert "gold.customer_360" in told.output


def test_an_undeclared_source_fails_the_command(gold: SmallLakehouse, lab: CliRunner) -> None:
    gold.append(GOLD_CUSTOMER_360, {"customer_id": "d"}, origin=Origin("gold", {}, {"bronze.order_placed": 1}))
    told = lab.invoke(app, ["lineage", "gold.customer_360"])
    assert told.exit_code == 1
    assert "NOT DECLARED" in told.output
