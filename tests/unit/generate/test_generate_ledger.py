"""The ledger is written in batches and read back, also after a run that was killed."""

from pathlib import Path

import pytest

from scripts.generate.ledger import HEADER, Entry, Ledger, read_ledgers

ONE = Entry("orders", 0, 17, "order", "o-1", "e-1", "c-1", "")
TWO = Entry("orders", 1, 3, "order", "", "", "c-2", "null_fact")


def line(entry: Entry) -> str:
    return ",".join(map(str, entry)) + "\n"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", "run-1") as ledger:
        ledger.add(line(ONE))
        ledger.add(line(TWO))
    with Ledger(tmp_path / "ledger", "run-2") as ledger:
        ledger.add(line(ONE))
    assert list(read_ledgers(tmp_path / "ledger")) == [ONE, TWO, ONE]


def test_a_flush_is_on_disk_before_the_ledger_is_closed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "run-1")
    ledger.add(line(ONE))
    assert list(read_ledgers(tmp_path)) == []
    ledger.flush()
    assert list(read_ledgers(tmp_path)) == [ONE]


def test_half_a_line_of_a_killed_run_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run-1.csv").write_text(HEADER + "\n" + line(ONE) + line(TWO)[:-4], "utf-8")
    assert list(read_ledgers(tmp_path)) == [ONE]


def test_a_ledger_is_never_overwritten(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run-1"):
        pass
    with pytest.raises(FileExistsError):
        Ledger(tmp_path, "run-1")


def test_no_folder_means_no_entries(tmp_path: Path) -> None:
    assert list(read_ledgers(tmp_path / "nothing")) == []
