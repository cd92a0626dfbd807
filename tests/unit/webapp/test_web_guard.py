"""Who may talk to the web app: Host, Origin, CSRF, and the headers on every answer."""

import pytest
from webapp_world import ADA, BASE, World

ORDERS = f"/api/customers/{ADA}/orders"


@pytest.mark.parametrize("host", ["127.0.0.1:5001", "localhost:5001", "[::1]:5001"])
def test_own_names_are_served(world: World, host: str) -> None:
    assert world.client.get("/", headers={"Host": host}).status_code == 200
    assert world.client.post("/api/customers", headers={"Host": host, "Origin": f"http://{host}"}).status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost:5002", "evil.example:5001"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_other_names_are_refused(world: World, host: str, method: str) -> None:
    path = "/api/customers"
    answer = getattr(world.client, method)(path, headers={"Host": host})
    assert answer.status_code == 403
    assert world.sent == []


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:5002", "https://127.0.0.1:5001", "http://localhost:5001"],
)
def test_other_origins_may_not_act(world: World, origin: str) -> None:
    for answer in (
        world.post(ORDERS, headers={"Origin": origin}),
        world.client.delete(f"/api/customers/{ADA}", headers={"Origin": origin}, base_url=BASE),
        world.client.post("/customers", data={"csrf_token": world.token()}, headers={"Origin": origin}, base_url=BASE),
    ):
        assert answer.status_code == 403
    assert world.sent == []


def test_another_sites_page_may_not_act_even_without_an_origin(world: World) -> None:
    assert world.post(ORDERS, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert world.post(ORDERS, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 201


@pytest.mark.parametrize(
    "path", ["/customers", f"/customers/{ADA}/orders", f"/customers/{ADA}/engagements", f"/customers/{ADA}/erase"]
)
@pytest.mark.parametrize("fields", [{}, {"csrf_token": "forged"}])
def test_a_form_without_its_token_is_refused(world: World, path: str, fields: dict[str, str]) -> None:
    answer = world.client.post(path, data=fields, base_url=BASE)
    assert answer.status_code == 400
    assert world.sent == []


def test_a_token_of_another_session_is_refused(world: World) -> None:
    token = world.token()
    answer = world.app.test_client().post("/customers", data={"csrf_token": token}, base_url=BASE)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["/", f"/customers/{ADA}", "/api/customers", "/nowhere", "/static/lab.css", "/healthz"]
)
def test_every_answer_has_the_security_headers(world: World, path: str) -> None:
    headers = world.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_session_cookie_is_for_this_site_and_not_for_scripts(world: World) -> None:
    cookie = world.get("/").headers["Set-Cookie"]
    assert cookie.startswith("lab_5001=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(world: World) -> None:
    for path in ("/", f"/customers/{ADA}", "/nowhere"):
        page = world.get(path).get_data(as_text=True)
        assert "<script>" not in page
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert "https://" not in page
        assert 'src="http' not in page
