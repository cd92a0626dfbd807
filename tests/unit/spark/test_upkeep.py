"""Upkeep of real Delta tables, without Spark: small over a long run, and nothing lost that a reader needs."""

import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from contracts.marketing import GOLD_CUSTOMER_360, QUARANTINE, SILVER_ORDERS
from contracts.model import Table
from contracts.settings import Settings
from spark.maintain import maintain
from spark.pipeline import STEPS
from spark.runtime.caretaker import Caretaker, History, Tended
from spark.runtime.desk import Desk
from spark.runtime.errors import LakehouseError
from spark.runtime.locks import TableLocks
from spark.runtime.merging import Differs
from spark.runtime.past import LEFT_TO_UPKEEP, log_of
from spark.runtime.progress import FOLDER, Progress, needs_of
from spark.runtime.report import Report
from spark.runtime.row_merge import VECTORS
from spark.runtime.small_tables import SmallTables
from spark.runtime.turns import Quiet
from spark.runtime.upkeep import COMMITS_PER_TURN, Upkeep

COLUMNS = StructType().add("customer_id", "string").add("total", "long")
AT_ONCE = {"delta.deletedFileRetentionDuration": "interval 0 seconds"}
SHORT = History(versions=50, seconds=0.0)


class World:
    """One table below a folder, written in small steps."""

    def __init__(self, root: Path, table: Table = GOLD_CUSTOMER_360, properties: dict[str, str] | None = None) -> None:
        self.table = table
        self.root = root
        self.path = str(root / self.table.path)
        self.small = SmallTables()
        self.turn = threading.Lock()
        self.commits = 0
        feed = {"delta.enableChangeDataFeed": "true", "delta.checkpointInterval": "25"}
        self.small.create(self.path, COLUMNS, feed | LEFT_TO_UPKEEP | VECTORS | (properties or {}))

    def merge(self, key: str, total: int) -> None:
        rows = pa.table({"customer_id": [key], "total": [total], "_gone": [False]})
        with self.turn:
            self.small.merge(self.path, rows, "customer_id", "_gone", Differs(("total",)))
        self.commits += 1

    def append(self, *keys: str) -> None:
        with self.turn:
            self.small.append(self.path, pa.table({"customer_id": list(keys), "total": [1] * len(keys)}))
        self.commits += 1

    def caretaker(self, needs: tuple[int, str] | None = None, history: History = SHORT) -> Caretaker:
        return Caretaker(str(self.root), lambda _: self.turn, lambda _: needs, history)

    def upkeep(self, run_dir: Path) -> Upkeep:
        return Upkeep(
            (self.table,), self.caretaker(), Desk(run_dir), commits=lambda _: self.commits, quiet=Quiet(),
            report=Report(run_dir, "spark"), stop=threading.Event(),
        )  # fmt: skip

    def rows(self) -> dict[str, int]:
        found = pa.table(DeltaTable(self.path).scan().read_all())
        return {row["customer_id"]: row["total"] for row in found.to_pylist()}

    def size(self) -> tuple[int, int, int]:
        """Data and change files, log files, bytes of the log."""
        log = list((Path(self.path) / "_delta_log").iterdir())
        data = [file for file in Path(self.path).rglob("*.parquet") if file.parent.name != "_delta_log"]
        return len(data), len(log), sum(file.stat().st_size for file in log)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.timeout(600)
def test_a_thousand_commits_leave_a_small_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, log files and the log's bytes of the second half stay within those of the first."""
    monkeypatch.setattr("spark.runtime.caretaker.LEFT_TO_UPKEEP", LEFT_TO_UPKEEP | AT_ONCE)
    world = World(tmp_path, properties=AT_ONCE)
    upkeep = world.upkeep(tmp_path / "run")
    sizes = []
    for number in range(1_000):
        world.merge(f"c{number % 7}", number)
        upkeep.look()
        if number % 5 == 0:
            sizes.append(world.size())
    most = [[max(column) for column in zip(*half, strict=True)] for half in (sizes[:100], sizes[100:])]
    assert all(later <= earlier * 1.1 for earlier, later in zip(*most, strict=True)), most
    assert most[1][0] < 5 * (SHORT.versions + 25 + COMMITS_PER_TURN), most
    assert most[1][1] < 2 * (SHORT.versions + 25 + COMMITS_PER_TURN), most
    assert world.rows() == {f"c{number % 7}": number for number in range(993, 1_000)}


def test_the_versions_that_are_kept_can_be_read(world: World) -> None:
    for number in range(200):
        world.merge(f"c{number % 3}", number)
    tended = world.caretaker().tend(world.table)
    assert tended.removed_files > 100
    assert tended.removed_log_files > 100
    assert tended.held_by is None
    newest = log_of(world.path).newest
    assert tended.version == newest
    for version in range(newest - SHORT.versions + 1, newest + 1):
        assert pa.table(DeltaTable(world.path, version=version).scan().read_all()).num_rows == 3
    changes = world.small.changes(world.path, tended.oldest_change, newest, 10_000)
    assert changes is not None
    assert changes.num_rows == 200 - tended.oldest_change + 1
    assert world.caretaker().tend(world.table).removed_files == 0


def test_a_slow_reader_finds_what_it_has_not_read(world: World) -> None:
    for number in range(150):
        world.merge("c", number)
    tended = world.caretaker(needs=(30, "publish")).tend(world.table)
    assert tended.held_by == "publish"
    assert 1 < tended.oldest_change <= 30
    changes = world.small.changes(world.path, 30, 150, 10_000)
    assert changes is not None
    assert changes["total"].to_pylist().count(29) == 1
    assert sorted(changes["total"].to_pylist()) == list(range(29, 150))


def test_checksums_go_with_their_files(world: World) -> None:
    """Spark keeps one, hidden, beside each file it writes."""
    for number in range(150):
        world.merge("c", number)
    files = [file for file in Path(world.path).rglob("*") if file.is_file()]
    for file in files:
        file.with_name(f".{file.name}.crc").touch()
    world.caretaker().tend(world.table)
    checksums = list(Path(world.path).rglob(".*.crc"))
    assert 0 < len(checksums) < len(files)
    assert [file for file in checksums if not file.with_name(file.name[1:-4]).exists()] == []


def test_what_is_young_is_kept(world: World) -> None:
    for number in range(100):
        world.merge("c", number)
    tended = world.caretaker(history=replace(SHORT, seconds=3_600)).tend(world.table)
    assert (tended.removed_files, tended.removed_log_files, tended.oldest_change) == (0, 0, 0)


def test_a_writer_with_an_old_view_goes_on(world: World) -> None:
    """A thread may not have looked at a table since before the log was cut."""
    old = SmallTables()
    assert old.version(world.path) == 0
    for _ in range(120):
        world.append("c")
    world.caretaker().tend(world.table)
    old.append(world.path, pa.table({"customer_id": ["late"], "total": [1]}))
    assert pa.table(DeltaTable(world.path).scan().read_all()).num_rows == 121


def test_readers_are_those_that_took_a_turn(tmp_path: Path) -> None:
    needs = needs_of(tmp_path, STEPS)
    assert needs(SILVER_ORDERS) is None
    Progress(tmp_path / FOLDER, "gold.customer_360").advance({"silver.customers": 4})
    assert needs(SILVER_ORDERS) == (1, "gold.customer_360"), "it reads the table and has not begun"
    Progress(tmp_path / FOLDER, "gold.customer_360").advance({"silver.orders": 7})
    Progress(tmp_path / FOLDER, "another.program").advance({"silver.orders": 5})
    assert needs(SILVER_ORDERS) == (6, "another.program")


def test_rows_of_one_key_are_brought_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark.runtime.caretaker.TARGET_FILE_BYTES", 2_000)
    world = World(tmp_path, SILVER_ORDERS)
    for number in range(20):
        world.append(*(f"c{(number * 7 + each) % 50:02}" for each in range(50)))

    def files_with(key: str) -> int:
        stats = pa.table(DeltaTable(world.path).get_add_actions(flatten=True)).to_pylist()
        return sum(each["min.customer_id"] <= key <= each["max.customer_id"] for each in stats)

    before, changes = files_with("c10"), world.small.changes(world.path, 1, 20, 10_000)
    assert world.caretaker().tend(world.table, cluster=True).clustered
    assert files_with("c10") < before
    assert not world.caretaker().tend(world.table, cluster=True).clustered, "nothing was written since"
    again = world.small.changes(world.path, 1, log_of(world.path).newest, 10_000)
    assert changes is not None
    assert again is not None
    order = [("_commit_version", "ascending"), ("customer_id", "ascending")]
    assert again.sort_by(order) == changes.sort_by(order)


def test_inserts_go_on_while_rows_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting waits for no writer and no writer for it, and neither loses the other's rows."""
    monkeypatch.setattr("spark.runtime.caretaker.TARGET_FILE_BYTES", 100_000)
    world = World(tmp_path, SILVER_ORDERS)
    for number in range(40):
        world.append(*(f"{(number * 7_919 + each) % 60_013:040}" for each in range(2_000)))
    sorted_at: list[int] = []

    def tend() -> None:
        assert world.caretaker().tend(world.table, cluster=True).clustered
        sorted_at.append(world.commits)

    thread = threading.Thread(target=tend)
    before = world.commits
    thread.start()
    while not sorted_at and thread.is_alive():
        world.append("new")
    thread.join()
    assert sorted_at[0] > before, "rows were inserted meanwhile"
    assert pa.table(DeltaTable(world.path).scan().read_all()).num_rows == 40 * 2_000 + world.commits - before


def settings(home: Path) -> Settings:
    return Settings(home=home)


def test_it_is_done_at_once_where_nobody_writes(tmp_path: Path) -> None:
    lab = settings(tmp_path)
    world = World(Path(lab.delta_root))
    for number in range(30):
        world.append(f"c{number}")
    (tended,) = maintain(lab)
    assert (tended.table, tended.files_before, tended.files) == ("gold.customer_360", 30, 1)
    assert maintain(lab)[0].files == 1, "the lock was given back"


def test_the_writer_does_it_where_there_is_one(tmp_path: Path) -> None:
    lab = settings(tmp_path)
    world = World(Path(lab.delta_root))
    world.append("a")
    world.append("b")
    locks = TableLocks(lab.run_dir, "spark")
    locks.acquire((world.table,))
    upkeep = world.upkeep(lab.run_dir)
    ended = threading.Event()

    def driver() -> None:
        while not ended.wait(0.05):
            upkeep.look()

    thread = threading.Thread(target=driver)
    thread.start()
    others: list[Tended] = []
    other = threading.Thread(target=lambda: others.extend(maintain(lab)))
    other.start()
    try:
        (tended,) = maintain(lab)
        other.join()
    finally:
        ended.set()
        thread.join()
    assert {tended.files_before, others[0].files_before} <= {1, 2}
    assert (tended.files, others[0].files) == (1, 1)
    assert not Desk(lab.run_dir).is_asked(world.table)


def test_what_a_writer_cannot_do_is_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask(QUARANTINE)
    desk.answer(QUARANTINE, "no space")
    with pytest.raises(LakehouseError, match=r"bronze\.quarantine: no space"):
        desk.wait(QUARANTINE, 0.0)
    assert desk.wait(QUARANTINE, 0.0) is None


def test_an_object_store_is_refused() -> None:
    with pytest.raises(LakehouseError, match="object store"):
        maintain(Settings(delta_root_url="s3a://bucket/delta"))


def test_tables_of_an_earlier_lab_are_left_to_upkeep(tmp_path: Path) -> None:
    world = World(tmp_path, properties={"delta.enableExpiredLogCleanup": "true"})
    world.append("a")
    world.caretaker().tend(world.table)
    assert DeltaTable(world.path).metadata().configuration.items() >= LEFT_TO_UPKEEP.items()
