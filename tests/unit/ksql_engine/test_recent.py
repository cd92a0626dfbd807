"""What a store keeps at hand: never anything but what the database has, and no more than its share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksql_engine.state import recent
from ksql_engine.state.recent import UNKNOWN, Change, Recent
from ksql_engine.state.rocks import RocksState, shared_cache

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 30), st.integers(0, 9)),
        st.tuples(st.sampled_from(["delete", "get"]), st.integers(0, 30)),
        st.tuples(st.sampled_from(["commit", "roll back", "settle", "open"])),
    ),
    max_size=120,
)


@pytest.fixture
def _little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two or three entries for each generation."""
    monkeypatch.setattr(recent, "_ALL_BYTES", 1000)
    monkeypatch.setattr(recent, "_LEAST_BYTES", 1000)
    monkeypatch.setattr(recent, "_PAUSE", 2)
    yield


@pytest.mark.usefixtures("_little")
@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_a_store_reads_what_was_last_written(steps: list[tuple[str, int, int]]) -> None:
    committed: dict[int, int] = {}
    held: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        state = RocksState(Path(folder, "q"), shared_cache())
        for kind, *given_values in steps:
            store = state.store("rows")
            if kind == "put":
                key, value = given_values
                held[key] = value
                store.put((str(key),), (value,))
            elif kind == "delete":
                held.pop(given_values[0], None)
                store.delete((str(given_values[0]),))
            elif kind == "get":
                expected = held.get(given_values[0])
                assert store.get((str(given_values[0]),)) == (None if expected is None else (expected,))
            elif kind == "commit":
                state.commit({})
                committed = dict(held)
            elif kind == "settle":
                state.prepare({})
                state.roll_back()
                state.settle({})
                committed = dict(held)
            else:
                state.roll_back()
                held = dict(committed)
                if kind == "open":
                    state.close()
                    state = RocksState(Path(folder, "q"), shared_cache())
        store = state.store("rows")
        found = {key: store.get((str(key),)) for key in range(31)}
        assert found == {key: (held[key],) if key in held else None for key in range(31)}
        state.close()


def written(numbers: range) -> list[Change]:
    return [(b"%08d" % number, b"x" * 32) for number in numbers]


def known(held: Recent, numbers: range) -> int:
    return sum(held.get(key) is not UNKNOWN for key, _ in written(numbers))


def test_keys_that_come_again_stay_and_the_oldest_go() -> None:
    held = Recent()
    room = recent._ALL_BYTES // 2 // 200
    for _ in range(3):
        for start in range(0, room + 1000, 1000):
            held.update(written(range(start, start + 1000)))
            assert known(held, range(start, start + 1000)) == 1000
    held.update(written(range(10**7, 10**7 + 2 * room + 2)))
    known(held, range(10**7, 10**7 + 1000))
    held.update(written(range(2 * 10**7, 2 * 10**7 + room + 1)))
    assert known(held, range(room)) == 0
    held.clear()


def test_keys_that_never_come_again_are_not_kept() -> None:
    held = Recent()
    room = recent._ALL_BYTES // 2 // 200
    for start in range(0, room + 1000, 1000):
        assert known(held, range(start, start + 1000)) == 0
        held.update(written(range(start, start + 1000)))
    assert known(held, range(room)) == 0
    held.update(written(range(room)))
    assert known(held, range(room)) == 0


def test_stores_share_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "_LEAST_BYTES", 1)
    held = [Recent() for _ in range(4)]
    room = recent._ALL_BYTES // 2 // 200
    for one in held:
        one.update(written(range(10)))
        known(one, range(10))
    held[0].update(written(range(room // 4 + 10)))
    assert known(held[0], range(room)) == room // 4 + 10
    held[0].update(written(range(room, room + room // 4 + 10)))
    assert known(held[0], range(room)) == 0
    for one in held:
        one.clear()
