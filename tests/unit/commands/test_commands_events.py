"""Events keep the contract, whatever the random source says."""

import random
import re
import uuid
from collections import Counter
from collections.abc import Callable
from io import BytesIO

import fastavro
import pytest

from contracts.faults import CHANNELS, CURRENCIES, STATUSES, UUID_PATTERN
from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, MARKETING, ORDER_PLACED
from contracts.schemas import load_schema
from webapp.commands.catalogue import PRODUCTS
from webapp.commands.events import Event, activation_event, erase_event, order_event, profile_event

NOW_MS = 1_790_000_000_000
CUSTOMER = "0a5c9a3e-5b0c-4f58-9d57-1f4b5c1d2e3f"


@pytest.fixture
def rng() -> random.Random:
    return random.Random(42)


@pytest.fixture
def new_id(rng: random.Random) -> Callable[[], str]:
    return lambda: str(uuid.UUID(int=rng.getrandbits(128)))


def assert_round_trip(event: Event) -> None:
    schema = fastavro.parse_schema(load_schema(MARKETING, event.topic))
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, event.value)
    assert fastavro.schemaless_reader(BytesIO(out.getvalue()), schema, None) == event.value


def test_a_new_customer_is_an_inactive_prospect(rng: random.Random, new_id: Callable[[], str]) -> None:
    event = profile_event(rng, NOW_MS, new_id)
    value = event.value or {}
    assert event.topic is CUSTOMER_PROFILE
    assert event.key == value["customer_id"]
    assert event.event_id == value["event_id"] != event.key
    assert (value["lifecycle_stage"], value["is_active"]) == ("prospect", False)
    assert value["created_at_ms"] == value["occurred_at_ms"] == NOW_MS
    assert re.fullmatch(r"[a-z]+\.[a-z]+\.\d{4}@example\.(com|net|org)", value["email"])
    assert_round_trip(event)


def test_an_order_is_worth_the_sum_of_its_items(rng: random.Random, new_id: Callable[[], str]) -> None:
    for _ in range(500):
        event = order_event(rng, CUSTOMER, NOW_MS, new_id)
        value = event.value or {}
        assert event.topic is ORDER_PLACED
        assert event.key == value["customer_id"] == CUSTOMER
        assert 1 <= len(value["items"]) <= 4
        assert len({item["sku"] for item in value["items"]}) == len(value["items"])
        assert value["order_total_cents"] == sum(i["quantity"] * i["price_cents"] for i in value["items"]) > 0
        assert all(isinstance(item["price_cents"], int) and item["quantity"] >= 1 for item in value["items"])
        assert value["currency"] in CURRENCIES
        assert all(re.fullmatch(UUID_PATTERN, value[name]) for name in ("event_id", "order_id"))
    assert_round_trip(event)


def test_popular_products_are_ordered_more_often(rng: random.Random, new_id: Callable[[], str]) -> None:
    orders = [order_event(rng, CUSTOMER, NOW_MS, new_id).value or {} for _ in range(4000)]
    sold = Counter(item["sku"] for order in orders for item in order["items"])
    first, second, tenth = (sold[PRODUCTS[rank].sku] for rank in (0, 1, 9))
    assert first > 1.4 * second
    assert second > 2.5 * tenth
    assert set(sold) == {product.sku for product in PRODUCTS}


def test_three_in_four_activations_are_delivered(rng: random.Random, new_id: Callable[[], str]) -> None:
    values = [activation_event(rng, CUSTOMER, NOW_MS, new_id).value or {} for _ in range(4000)]
    assert {value["status"] for value in values} == set(STATUSES)
    assert {value["channel"] for value in values} == set(CHANNELS)
    assert 0.72 < sum(value["status"] == "delivered" for value in values) / len(values) < 0.78
    for value in values:
        assert (value["delivered_at_ms"] is not None) == (value["status"] == "delivered")
        assert value["order_id"] is None
        assert 1 <= value["attempts"] <= 3


def test_an_activation_can_be_about_an_order(rng: random.Random, new_id: Callable[[], str]) -> None:
    event = activation_event(rng, CUSTOMER, NOW_MS, new_id, order_id="o-1")
    assert event.topic is ACTIVATION_STATUS
    assert event.key == CUSTOMER
    assert (event.value or {})["order_id"] == "o-1"
    assert_round_trip(event)


def test_an_erase_is_a_null_profile_without_an_event_id() -> None:
    event = erase_event(CUSTOMER)
    assert (event.topic, event.key, event.value, event.event_id) == (CUSTOMER_PROFILE, CUSTOMER, None, "")


def test_the_same_random_source_gives_the_same_event(new_id: Callable[[], str]) -> None:
    ids = [new_id() for _ in range(2)]
    one, other = (order_event(random.Random(7), CUSTOMER, NOW_MS, iter(ids).__next__) for _ in range(2))
    assert one == other
