"""Joins record by record come to what a join of the whole data is, whatever the order of records."""

# ruff: noqa: S608 - statements are made of the tests' parameters
from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ksql_engine.driver.memory import TopicDriver
from ksql_engine.operators.endpoints import Message

TABLE = "CREATE TABLE {0} (id INTEGER PRIMARY KEY, v INTEGER) WITH (KAFKA_TOPIC='{0}', VALUE_FORMAT='JSON');"
STREAM = "CREATE STREAM {0} (id INTEGER KEY, v INTEGER) WITH (KAFKA_TOPIC='{0}', VALUE_FORMAT='JSON');"
Rows = dict[int, int]
Event = tuple[str, int, int | None, int]


def run(statements: str, events: list[Event]) -> list[tuple[int, Any, int]]:
    """The records of the topic O: key, value without names, time."""
    driver = TopicDriver()
    driver.execute(statements)
    driver.run(
        [
            Message(topic, key.to_bytes(4, "big"), None if v is None else json.dumps({"V": v}).encode(), time)
            for topic, key, v, time in events
        ]
    )
    assert driver.log == []
    return [
        (
            int.from_bytes(one.key or b"", "big"),
            None if one.value is None else tuple(json.loads(one.value).values()),
            one.timestamp,
        )
        for one in driver.topics.get("O", [])
    ]


def table_events(rng: random.Random, topics: str) -> tuple[list[Event], dict[str, Rows]]:
    """Random changes of tables, and what the tables are in the end."""
    now: dict[str, Rows] = {topic: {} for topic in topics}
    events: list[Event] = []
    for time in range(1, 120):
        topic, key = rng.choice(topics), rng.randrange(5)
        value = None if rng.random() < 0.3 else rng.randrange(5)
        events.append((topic, key, value, time))
        if value is None:
            now[topic].pop(key, None)
        else:
            now[topic][key] = value
    return events, now


def latest(records: list[tuple[int, Any, int]]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for key, value, _ in records:
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


HAS: dict[str, Callable[[bool, bool], bool]] = {
    "INNER": lambda left, right: left and right,
    "LEFT": lambda left, _right: left,
    "RIGHT": lambda _left, right: right,
    "FULL": lambda left, right: left or right,
}


@pytest.mark.parametrize("second", ["INNER", "LEFT", "RIGHT", "FULL"])
@pytest.mark.parametrize("first", ["INNER", "LEFT"])
def test_tables_by_key(first: str, second: str) -> None:
    key = "ROWKEY" if second == "FULL" else "a.id"
    text = "".join(map(TABLE.format, "abc")) + (
        f"CREATE TABLE o AS SELECT {key}, a.v, b.v, c.v FROM a {first} JOIN b ON a.id = b.id "
        f"{second} JOIN c ON a.id = c.id;"
    )
    for seed in range(10):
        events, now = table_events(random.Random(seed), "abc")
        expected = {}
        for one in range(5):
            a, b, c = (now[topic].get(one) for topic in "abc")
            left = HAS[first](a is not None, b is not None)
            if HAS[second](left, c is not None):
                expected[one] = (a if left else None, b if left else None, c)
        assert latest(run(text, events)) == expected


@pytest.mark.parametrize("kind", ["INNER", "LEFT"])
def test_tables_by_a_foreign_key(kind: str) -> None:
    text = "".join(map(TABLE.format, "ab")) + (
        f"CREATE TABLE o AS SELECT a.id, a.v, b.v FROM a {kind} JOIN b ON a.v = b.id;"
    )
    for seed in range(10):
        events, now = table_events(random.Random(seed), "ab")
        expected = {
            key: (v, now["b"].get(v)) for key, v in now["a"].items() if HAS[kind](True, now["b"].get(v) is not None)
        }
        assert latest(run(text, events)) == expected


@pytest.mark.parametrize("grace", ["", "GRACE PERIOD 1 DAY"])
def test_streams_within_time(grace: str) -> None:
    text = "".join(map(STREAM.format, "ab")) + (
        f"CREATE STREAM o AS SELECT a.id, a.v, b.v FROM a JOIN b WITHIN (3 MILLISECONDS, 7 MILLISECONDS) {grace} "
        f"ON a.id = b.id;"
    )
    for seed in range(10):
        rng = random.Random(seed)
        events: list[Event] = [
            (rng.choice("ab"), rng.randrange(3), number, rng.randrange(1, 60)) for number in range(80)
        ]
        expected = Counter(
            (left[1], (left[2], right[2]), max(left[3], right[3]))
            for left in events
            for right in events
            if left[:2] == ("a", right[1]) and right[0] == "b" and left[3] - 3 <= right[3] <= left[3] + 7
        )
        assert Counter(run(text, events)) == expected


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT", "FULL"])
def test_each_row_of_an_outer_stream_comes_with_partners_or_alone(kind: str) -> None:
    key = "ROWKEY AS id" if kind == "FULL" else "a.id"
    text = "".join(map(STREAM.format, "ab")) + (
        f"CREATE STREAM o AS SELECT {key}, a.v, b.v FROM a {kind} JOIN b "
        f"WITHIN 5 MILLISECONDS GRACE PERIOD 100 MILLISECONDS ON a.id = b.id;"
    )
    for seed in range(10):
        rng = random.Random(seed)
        events: list[Event] = [
            (rng.choice("ab"), rng.randrange(3), number, rng.randrange(1, 60)) for number in range(40)
        ]
        found = run(text, [*events, ("a", 9, 98, 1000), ("b", 8, 99, 1000)])
        pairs = [
            (left, right)
            for left in events
            for right in events
            if left[:2] == ("a", right[1]) and right[0] == "b" and abs(left[3] - right[3]) <= 5
        ]
        expected = Counter((left[1], (left[2], right[2]), max(left[3], right[3])) for left, right in pairs)
        for place, topic in enumerate("ab"):
            if kind in (("LEFT", "RIGHT")[place], "FULL"):
                joined = {pair[place][2] for pair in pairs}
                alone = [event for event in events if event[0] == topic and event[2] not in joined]
                expected.update((e[1], (e[2], None) if topic == "a" else (None, e[2]), e[3]) for e in alone)
        assert Counter(found) == expected
