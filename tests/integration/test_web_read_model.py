"""Pages and search over a real Redis, filled the way the projector fills it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_world import live_row, station_settings

from contracts.marketing import CUSTOMER_CONSOLIDATED, LIVE_VIEW
from contracts.settings import Settings
from webapp.errors import BadInput, RedisUnavailable
from webapp.kafka_reader import Cluster, Record
from webapp.projector.decode import Row
from webapp.projector.store import CacheStore
from webapp.read_model import ReadModel
from webapp.redis_client import Client, connect

pytestmark = pytest.mark.integration
TOPIC = CUSTOMER_CONSOLIDATED.name


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Settings:
    return station_settings(lab_services, tmp_path, 7)


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    made = connect(settings, 4)
    made.flushdb()
    yield made
    made.flushdb()
    made.close()


@pytest.fixture
def read_model(client: Client, settings: Settings) -> ReadModel:
    return ReadModel(client, settings)


def fill(client: Client, settings: Settings, names: list[tuple[str, str, int]]) -> list[str]:
    """Customers of (first name, last name, time of change); returns their ids."""
    store = CacheStore(client, settings)
    before = store.resume(Cluster("c", {TOPIC: "t"}, ((TOPIC, 0),)))
    rows, ids = [], []
    for offset, (first, last, at_ms) in enumerate(names):
        customer_id = str(uuid.uuid4())
        ids.append(customer_id)
        value = live_row(customer_id, first_name=first, last_name=last, email=f"{first}.{last}.{offset}@example.com")
        rows.append(Row(LIVE_VIEW, customer_id, value, Record(TOPIC, 0, offset, at_ms, b"", b"")))
    store.apply(rows, before, {(TOPIC, 0): len(names)}, 1)
    return ids


def all_pages(read_model: ReadModel, query: str, limit: int) -> list[str]:
    found: list[str] = []
    cursor = None
    for _ in range(1000):
        page = read_model.customers(query, limit, cursor)
        assert len(page.customers) <= limit
        found += [customer.customer_id for customer in page.customers]
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_show_every_customer_once_newest_first(
    client: Client, settings: Settings, read_model: ReadModel, limit: int
) -> None:
    ids = fill(client, settings, [("Ada", "Meyer", 1_000 + number // 10) for number in range(60)])  # ten at a time
    found = all_pages(read_model, "", limit)
    assert sorted(found) == sorted(ids)
    times = {customer_id: 1_000 + number // 10 for number, customer_id in enumerate(ids)}
    assert [times[customer_id] for customer_id in found] == sorted(times.values(), reverse=True)


def test_a_change_between_pages_loses_nobody_else(client: Client, settings: Settings, read_model: ReadModel) -> None:
    ids = fill(client, settings, [("Ada", "Meyer", number) for number in range(10, 20)])
    first = read_model.customers("", 4, None)
    client.zadd("customers:recent", {ids[0]: 99})  # the oldest becomes the newest
    rest = [c.customer_id for c in read_model.customers("", 50, first.next_cursor).customers]
    assert {c.customer_id for c in first.customers} | set(rest) == set(ids[1:])


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_search_finds_by_every_name_and_shows_each_once(
    client: Client, settings: Settings, read_model: ReadModel, limit: int
) -> None:
    ids = fill(client, settings, [("Ada", "Adler", 1), ("Ben", "Adams", 2), ("Cleo", "Zed", 3), ("Zoë", "Ärger", 4)])
    assert sorted(all_pages(read_model, "ad", limit)) == sorted(ids[:2])
    assert all_pages(read_model, "  ADA   adl", limit) == [ids[0]]
    assert all_pages(read_model, "cleo.zed", limit) == [ids[2]]
    assert all_pages(read_model, "är", limit) == [ids[3]]
    assert all_pages(read_model, "nobody", limit) == []


def test_a_cursor_of_somebodys_own_making_is_refused(read_model: ReadModel) -> None:
    for cursor in ("%%%", "bm9uc2Vuc2U", "\u00e4"):
        with pytest.raises(BadInput):
            read_model.customers("", 5, cursor)


def test_an_empty_redis_is_an_empty_page(client: Client, read_model: ReadModel) -> None:
    page = read_model.customers("", 50, None)
    assert (page.customers, page.next_cursor, page.total) == ((), None, 0)


def test_no_redis_is_said(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"redis_server": "redis://127.0.0.1:1/0"})
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1"):
        ReadModel(connect(nowhere, 1), nowhere).customers("", 5, None)
