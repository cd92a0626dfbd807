"""The JSON API: what it sends, and what it refuses."""

from typing import Any

import pytest
from webapp_world import ADA, BASE, NOBODY, World, customer

from contracts.marketing import ACTIVATION_STATUS, CUSTOMER_PROFILE, ORDER_PLACED
from webapp.commands.errors import PublishError
from webapp.errors import RedisUnavailable
from webapp.read_model import Page

ORDERS = f"/api/customers/{ADA}/orders"
ENGAGEMENTS = f"/api/customers/{ADA}/engagements"


def test_create_answers_with_the_position_of_the_record(world: World) -> None:
    answer = world.post("/api/customers")
    assert answer.status_code == 201
    body = answer.get_json()
    (event,) = world.sent
    assert event.topic is CUSTOMER_PROFILE
    assert event.value is not None
    assert event.value["lifecycle_stage"] == "prospect"
    assert event.value["is_active"] is False
    assert body["customer_id"] == event.key
    assert (body["event_id"], body["topic"], body["partition"], body["offset"]) == (
        event.event_id,
        CUSTOMER_PROFILE.name,
        1,
        7,
    )


def test_create_takes_a_stated_name(world: World) -> None:
    world.post("/api/customers", {"first_name": " <script> ", "email": "a@b.example"})
    (event,) = world.sent
    assert event.value is not None
    assert event.value["first_name"] == "<script>"
    assert event.value["email"] == "a@b.example"
    assert event.value["last_name"]


def test_a_random_order_keeps_the_contract(world: World) -> None:
    assert world.post(ORDERS).status_code == 201
    (event,) = world.sent
    assert event.topic is ORDER_PLACED
    assert event.value is not None
    assert event.value["order_total_cents"] == sum(i["quantity"] * i["price_cents"] for i in event.value["items"]) > 0


def test_an_order_of_a_stated_total(world: World) -> None:
    assert world.post(ORDERS, {"order_total_cents": 500_001}).status_code == 201
    (event,) = world.sent
    assert event.value is not None
    assert event.value["order_total_cents"] == 500_001
    assert sum(i["quantity"] * i["price_cents"] for i in event.value["items"]) == 500_001


def test_an_order_of_stated_items(world: World) -> None:
    items = [{"sku": "A", "quantity": 2, "price_cents": 150}, {"sku": "B", "quantity": 1, "price_cents": 99}]
    assert world.post(ORDERS, {"items": items}).status_code == 201
    (event,) = world.sent
    assert event.value is not None
    assert event.value["items"] == items
    assert event.value["order_total_cents"] == 399


@pytest.mark.parametrize(("status", "delivered"), [("delivered", True), ("failed", False)])
def test_a_stated_engagement(world: World, status: str, delivered: bool) -> None:
    assert world.post(ENGAGEMENTS, {"channel": "push", "status": status}).status_code == 201
    (event,) = world.sent
    assert event.topic is ACTIVATION_STATUS
    assert event.value is not None
    assert (event.value["channel"], event.value["status"]) == ("push", status)
    assert (event.value["delivered_at_ms"] is not None) is delivered


def test_erase_publishes_a_null_profile(world: World) -> None:
    answer = world.client.delete(f"/api/customers/{ADA}", base_url=BASE)
    assert answer.status_code == 200
    (event,) = world.sent
    assert (event.topic, event.key, event.value) == (CUSTOMER_PROFILE, ADA, None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/customers", {"nickname": "x"}),
        ("/api/customers", {"first_name": 7}),
        ("/api/customers", {"first_name": "x" * 101}),
        ("/api/customers", {"first_name": "a\u0000b"}),
        ("/api/customers", {"email": "no address"}),
        ("/api/customers", ["a list"]),
        (ORDERS, {"order_total_cents": 0}),
        (ORDERS, {"order_total_cents": -1}),
        (ORDERS, {"order_total_cents": 1.5}),
        (ORDERS, {"order_total_cents": True}),
        (ORDERS, {"order_total_cents": 10**12}),
        (ORDERS, {"items": []}),
        (ORDERS, {"items": "many"}),
        (ORDERS, {"items": [{"sku": "A", "quantity": 0, "price_cents": 1}]}),
        (ORDERS, {"items": [{"sku": "A", "quantity": 1}]}),
        (ORDERS, {"items": [{"sku": "A", "quantity": 1, "price_cents": 5}], "order_total_cents": 6}),
        (ORDERS, {"total": 5}),
        (ENGAGEMENTS, {"channel": "pigeon"}),
        (ENGAGEMENTS, {"status": "lost"}),
        (ENGAGEMENTS, {"status": ["delivered"]}),
    ],
)
def test_bad_input_is_refused_with_a_reason(world: World, path: str, body: Any) -> None:
    answer = world.post(path, body)
    assert answer.status_code == 400
    assert answer.get_json()["error"] == "bad_input"
    assert answer.get_json()["reason"]
    assert world.sent == []


def test_broken_json_and_another_type_are_refused(world: World) -> None:
    broken = world.client.post(ORDERS, data="{", content_type="application/json", base_url=BASE)
    assert (broken.status_code, broken.get_json()["error"]) == (400, "bad_input")
    form = world.client.post(ORDERS, data={"a": "b"}, base_url=BASE)
    assert form.status_code == 415
    deep = world.client.post(ORDERS, data="[" * 30_000, content_type="application/json", base_url=BASE)
    assert deep.status_code == 400
    assert world.sent == []


@pytest.mark.parametrize("customer_id", [NOBODY, "x", "11111111-1111-4111-8111-11111111111A"])
def test_unknown_customers_get_no_events(world: World, customer_id: str) -> None:
    for answer in (
        world.post(f"/api/customers/{customer_id}/orders"),
        world.post(f"/api/customers/{customer_id}/engagements"),
        world.client.delete(f"/api/customers/{customer_id}", base_url=BASE),
        world.get(f"/api/customers/{customer_id}"),
    ):
        assert answer.status_code == 404
        assert answer.get_json()["error"] == "unknown_customer"
    assert world.sent == []


def test_a_customer_just_created_takes_orders_at_once(world: World) -> None:
    created = world.post("/api/customers").get_json()["customer_id"]
    assert world.post(f"/api/customers/{created}/orders").status_code == 201
    shown = world.get(f"/api/customers/{created}")
    assert shown.status_code == 200
    assert shown.get_json() == {
        "customer_id": created,
        "live": None,
        "gold": None,
        "segment": None,
        "propensity": None,
    }


def test_a_customer_just_erased_takes_no_orders(world: World) -> None:
    created = world.post("/api/customers").get_json()["customer_id"]
    assert world.client.delete(f"/api/customers/{created}", base_url=BASE).status_code == 200
    assert world.post(f"/api/customers/{created}/orders").status_code == 404


def test_the_envelope_of_each_view_is_given(world: World) -> None:
    body = world.get(f"/api/customers/{ADA}").get_json()
    assert body["live"]["row"]["lifetime_value_cents"] == 123_456
    assert body["live"]["offset"] == 42
    assert body["gold"]["row"]["version"] == 3
    assert body["segment"] is None


def test_a_page_of_customers(world: World) -> None:
    world.read_model.customers.return_value = Page((customer(),), "next", 5)
    body = world.get("/api/customers?query=ada&limit=1&cursor=abc").get_json()
    world.read_model.customers.assert_called_once_with("ada", 1, "abc")
    assert (body["next_cursor"], body["total"], len(body["customers"])) == ("next", 5, 1)


@pytest.mark.parametrize("arguments", ["limit=0", "limit=201", "limit=x", "limit=", "query=" + "x" * 101])
def test_bad_arguments_are_refused(world: World, arguments: str) -> None:
    assert world.get(f"/api/customers?{arguments}").status_code == 400


def test_too_large_a_body_is_refused(world: World) -> None:
    assert world.post(ORDERS, {"items": "x" * 70_000}).status_code == 413
    assert world.sent == []


def test_a_wrong_method_is_refused(world: World) -> None:
    answer = world.client.put("/api/customers", base_url=BASE)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(("unknown", "error"), [(False, "not_sent"), (True, "outcome_unknown")])
def test_kafka_down_says_what_became_of_the_event(world: World, unknown: bool, error: str) -> None:
    world.publisher.publish.side_effect = PublishError("no broker", outcome_unknown=unknown)
    answer = world.post(ORDERS)
    assert answer.status_code == 503
    assert answer.get_json()["error"] == error
    assert "no broker" in answer.get_json()["reason"]


def test_redis_down_fails_reading_but_not_acting(world: World) -> None:
    world.read_model.exists.side_effect = RedisUnavailable("no redis")
    world.read_model.customer.side_effect = RedisUnavailable("no redis")
    assert world.post(ORDERS).status_code == 201
    answer = world.get(f"/api/customers/{ADA}")
    assert (answer.status_code, answer.get_json()["error"]) == (503, "redis_unavailable")


def test_an_unforeseen_error_shows_no_trace(world: World) -> None:
    world.publisher.publish.side_effect = RuntimeError("secret detail")
    answer = world.post(ORDERS)
    assert answer.status_code == 500
    assert b"secret detail" not in answer.data
    assert b"Traceback" not in answer.data
