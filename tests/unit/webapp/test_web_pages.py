"""The pages for people: what they show, and that their forms work without JavaScript."""

from typing import Any

from webapp_world import ADA, BASE, NOBODY, World, customer, view_row

from contracts.marketing import ORDER_PLACED
from webapp.commands.errors import PublishError
from webapp.errors import RedisUnavailable
from webapp.health import DOWN, StationState
from webapp.read_model import Customer, Page

NAUGHTY = "<script>alert(1)</script>"


def text_of(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_the_list_shows_live_and_gold_with_their_ages(world: World) -> None:
    world.read_model.customers.return_value = Page((customer(order_count=3),), None, 1)
    page = text_of(world.get("/"))
    assert "Ada Meyer" in page
    assert "$1,234.56" in page
    assert "3 s ago" in page
    assert "1 min ago" in page
    assert page.count("data-differs") == 1  # the orders, nothing else


def test_a_name_is_text_wherever_it_is_shown(world: World) -> None:
    naughty = customer(first_name=NAUGHTY, last_name='"><img src=x>', email=NAUGHTY)
    world.read_model.customers.return_value = Page((naughty,), None, 1)
    world.read_model.customer.side_effect = lambda _: naughty
    for path in ("/", "/?part=rows", f"/customers/{ADA}", f"/customers/{ADA}?part=customer"):
        page = text_of(world.get(path))
        assert NAUGHTY not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


def test_what_was_searched_is_text(world: World) -> None:
    page = text_of(world.get("/?q=%3Cscript%3E%22"))
    assert '<script>"' not in page
    assert "&lt;script&gt;" in page


def test_empty_states_say_what_to_do(world: World) -> None:
    assert "No customers yet" in text_of(world.get("/"))
    assert "Nobody found" in text_of(world.get("/?q=zoe"))


def test_search_and_cursor_reach_the_views(world: World) -> None:
    world.read_model.customers.return_value = Page((customer(),), "further", 9)
    page = text_of(world.get("/?q=ada&cursor=abc"))
    world.read_model.customers.assert_called_once_with("ada", 50, "abc")
    assert "/?q=ada&amp;cursor=further" in page
    assert "First page" in page


def test_redis_down_explains_itself(world: World) -> None:
    world.read_model.customers.side_effect = RedisUnavailable("Redis does not answer")
    world.read_model.customer.side_effect = RedisUnavailable("Redis does not answer")
    for path in ("/", f"/customers/{ADA}"):
        answer = world.get(path)
        assert answer.status_code == 200
        assert "Redis does not answer" in text_of(answer)
        assert "cannot be read right now" in text_of(answer)


def test_what_is_down_is_on_every_page(world: World) -> None:
    world.health.troubles.return_value = [StationState("spark", DOWN, 1_699_999_940_000, "last seen at noon")]
    page = text_of(world.get("/"))
    assert "<strong>spark</strong> is down since" in page
    assert "1 min ago" in page
    assert "last seen at noon" in page


def test_the_detail_shows_where_each_number_comes_from(world: World) -> None:
    score = {
        "score": 0.5,
        "inputs": {"order_count": 2},
        "contributions": {"order_count": 0.25, "recency": -0.1},
        "as_of_ms": 1_699_999_990_000,
    }
    found = customer()
    world.read_model.customer.side_effect = lambda _: Customer(
        ADA, found.live, found.gold, view_row({"segment": "vip"}, "segments"), view_row(score, "scores")
    )
    page = text_of(world.get(f"/customers/{ADA}"))
    for expected in ("vip", "50%", "+0.25", "-0.10", "segments", "scores", "10 s ago", "event-1"):
        assert expected in page


def test_unknown_customers_have_no_page(world: World) -> None:
    for customer_id in (NOBODY, "x"):
        answer = world.get(f"/customers/{customer_id}")
        assert answer.status_code == 404
        assert "Not found" in text_of(answer)


def test_a_form_leads_back_with_a_banner(world: World) -> None:
    answer = world.form(f"/customers/{ADA}/orders", back=f"/customers/{ADA}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/customers/{ADA}")
    (event,) = world.sent
    assert event.topic is ORDER_PLACED
    page = text_of(world.get(f"/customers/{ADA}"))
    assert "placed. Stored in dom.order.placed.v1, partition 1, offset 7." in page
    assert "placed. Stored" not in text_of(world.get(f"/customers/{ADA}"))  # shown once


def test_a_form_leads_nowhere_else(world: World) -> None:
    for back in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""):
        assert world.form("/customers", back=back).headers["Location"] == "/"


def test_the_customer_just_created_has_a_page(world: World) -> None:
    world.form("/customers", first_name="Zoe", back="/")
    (event,) = world.sent
    assert "On the way" in text_of(world.get(f"/customers/{event.key}"))


def test_a_script_of_the_page_gets_json(world: World) -> None:
    answer = world.client.post(
        f"/customers/{ADA}/engagements",
        data={"csrf_token": world.token()},
        headers={"Accept": "application/json"},
        base_url=BASE,
    )
    assert answer.status_code == 201
    body = answer.get_json()
    assert body["event_id"] == world.sent[0].event_id
    assert body["banner"].startswith("Engaged by ")


def test_a_refused_form_says_why(world: World) -> None:
    assert world.form("/customers", email="no address").status_code == 400
    assert world.form(f"/customers/{NOBODY}/orders").status_code == 404
    assert world.sent == []


def test_kafka_down_is_a_banner(world: World) -> None:
    world.publisher.publish.side_effect = PublishError("no broker")
    assert world.form(f"/customers/{ADA}/orders").status_code == 303
    assert "Nothing was sent: no broker" in text_of(world.get("/"))
    world.publisher.publish.side_effect = PublishError("no answer", outcome_unknown=True)
    assert world.form(f"/customers/{ADA}/engagements").status_code == 303
    assert "It may or may not have been sent: no answer" in text_of(world.get("/"))


def test_erase_from_the_page(world: World) -> None:
    assert world.form(f"/customers/{ADA}/erase", back="/").status_code == 303
    assert world.sent[0].value is None


def test_alive_and_healthy_are_two_things(world: World) -> None:
    world.health.states.return_value = [StationState("kafka", DOWN, 5, "refused")]
    assert world.client.get("/healthz", base_url=BASE).status_code == 200
    body = world.get("/api/health").get_json()
    assert body["all_up"] is False
    assert body["stations"][0] == {
        "name": "kafka",
        "state": "down",
        "up": False,
        "since_ms": 5,
        "reason": "refused",
        "detail": {},
    }
