"""State on disk: changes and offsets together, or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from ksql_engine.errors import StateMismatchError, StorageError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.catalog import Catalog, Command
from ksql_engine.runtime.feed import in_time_order
from ksql_engine.state.codec import decode_value, encode_key
from ksql_engine.state.rocks import RocksState, shared_cache
from ksql_engine.state.store import MemoryState


def test_a_commit_is_whole_and_a_roll_back_too(tmp_path: Path) -> None:
    state = RocksState(tmp_path / "q", shared_cache())
    store = state.store("rows")
    store.put(("a",), (1, None))
    assert store.get(("a",)) == (1, None)
    assert state.uncommitted == 1
    state.commit({("t", 0): 5})
    assert state.uncommitted == 0
    store.put(("a",), (2, None))
    store.put(("b",), (3, None))
    state.roll_back()
    assert store.get(("a",)) == (1, None)
    assert store.get(("b",)) is None
    store.delete(("a",))
    store.put(("c", 1), (Decimal("1.10"), [("x", 1)], {"k": b"v"}))
    state.commit({("t", 0): 6})
    state.close()
    again = RocksState(tmp_path / "q", shared_cache())
    assert again.offsets() == {("t", 0): 6}
    assert again.store("rows").get(("a",)) is None
    assert list(again.store("rows").scan()) == [(Decimal("1.10"), [("x", 1)], {"k": b"v"})]
    assert list(again.store("other").scan()) == []
    again.destroy()
    assert not (tmp_path / "q").exists()


def test_equal_keys_have_equal_bytes() -> None:
    text = "".join(["a", "b"])
    assert encode_key((text, "ab")) == encode_key(("ab", "ab"))
    assert encode_key((Decimal("1.0"),)) == encode_key((Decimal("1.00"),))
    assert encode_key(("1",)) != encode_key((1,))
    assert encode_key((["a"], None)) != encode_key((["a", None],))


def test_bytes_of_keys_sort_like_the_keys() -> None:
    rising = [
        (None, 9),
        (-(2**63), "z"),
        (-1,),
        (0,),
        (0, "a"),
        (0, "a", -3),
        (0, "a\x00", 0),
        (0, "ab"),
        (2**63 - 1,),
        (float("-inf"),),
        (-1.5,),
        (0.0,),
        (2.5, b"\x00"),
        (2.5, b"\x00\x01"),
        ("", 1),
        ("é",),
    ]
    assert [encode_key(key) for key in rising] == sorted(encode_key(key) for key in rising)


@pytest.mark.parametrize("kind", ["memory", "rocks"])
def test_ranges_hold_uncommitted_changes_in_order(kind: str, tmp_path: Path) -> None:
    rocks = RocksState(tmp_path / "q", shared_cache())
    state = MemoryState() if kind == "memory" else rocks
    store = state.store("rows")
    rocks.store("rowz").put(("a", 1), "another store")
    for time in (30, 10, 20):
        store.put(("a", time, 0), time)
    store.put(("b", 10, 0), "b")
    rocks.commit({})
    assert store.scan_range(("a", 10), ("a", 30)) == [10, 20]
    store.put(("a", 15, 0), 15)
    store.put(("a", 20, 0), "twenty")
    store.delete(("a", 10, 0))
    store.delete(("a", 11, 0))
    assert store.scan_range(("a", 10), ("a", 31)) == [15, "twenty", 30]
    assert store.scan_prefix(("a",)) == [15, "twenty", 30]
    assert store.scan_prefix(("a", 15)) == [15]
    assert store.scan_prefix(()) == [15, "twenty", 30, "b"]
    rocks.commit({})
    assert store.scan_prefix(("a",)) == [15, "twenty", 30]
    rocks.destroy()


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    state = RocksState(tmp_path / "q", shared_cache())
    state.commit({("t", 0): 1})
    state.close()
    RocksState(tmp_path / "q", shared_cache()).close()
    raw = Rdict(str(tmp_path / "q"), Options(raw_mode=True))
    raw.delete(b"\x00format")
    raw.close()
    with pytest.raises(StateMismatchError, match="another version"):
        RocksState(tmp_path / "q", shared_cache())


def test_damaged_values_are_named() -> None:
    with pytest.raises(StorageError):
        decode_value(b"nonsense")


def test_the_command_log_survives_a_torn_line(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.append(Command(0, "CREATE ..;", "Q", {"a": "b"}))
    with (tmp_path / "commands.jsonl").open("a") as log:
        log.write('{"sequence": 1, "stat')
    again = Catalog(tmp_path)
    assert list(again.commands()) == [Command(0, "CREATE ..;", "Q", {"a": "b"})]
    again.append(Command(1, "DROP ..;"))
    assert [command.sequence for command in Catalog(tmp_path).commands()] == [0, 1]


def test_state_is_bound_to_a_cluster(tmp_path: Path) -> None:
    Catalog(tmp_path).check_cluster("one")
    Catalog(tmp_path).check_cluster("one")
    with pytest.raises(StateMismatchError, match=r"one.*two.*make clear"):
        Catalog(tmp_path).check_cluster("two")


def test_records_go_by_time_but_never_change_order_in_a_partition() -> None:
    def record(topic: str, time: int, offset: int) -> Message:
        return Message(topic, None, None, time, 0, offset)

    given = [record("a", 10, 0), record("a", 5, 1), record("a", 30, 2), record("b", 7, 0), record("b", 20, 1)]
    found = [(one.topic, one.timestamp) for one in in_time_order(given)]
    assert found == [("b", 7), ("a", 10), ("a", 5), ("b", 20), ("a", 30)]
