"""The web app as it is served: a change reaches the browser's stream, and a stop ends open streams."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from web_world import Service, live_row, new_ids, producer, put, station_settings, wait_until_projected

from contracts.marketing import CUSTOMER_CONSOLIDATED
from contracts.settings import Settings
from tests.waiting import eventually
from webapp.redis_client import connect

pytestmark = pytest.mark.integration
GUNICORN = ["gunicorn", "-c", "webapp/gunicorn_conf.py", "webapp:create_app()"]


@pytest.fixture
def settings(lab_services: Any, tmp_path: Path) -> Iterator[Settings]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = station_settings(lab_services, tmp_path, 8, port_web=port)
    connect(made, 1).flushdb()
    yield made
    connect(made, 1).flushdb()


@pytest.fixture
def web(settings: Settings) -> Iterator[Service]:
    service = Service(settings, GUNICORN).start()

    def alive() -> bool:
        try:
            return requests.get(f"{settings.web_url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    eventually(alive, what="web app")
    yield service
    if service.process and service.process.poll() is None:
        service.stop(10)


@pytest.fixture
def projector(settings: Settings) -> Iterator[Service]:
    service = Service(settings, ["webapp.projector"]).start()
    eventually(lambda: service.is_running("projector"), what="running projector")
    wait_until_projected(settings)
    yield service
    service.stop()


def open_stream(settings: Settings) -> requests.Response:
    stream = requests.get(f"{settings.web_url}/events", stream=True, timeout=20)
    assert stream.status_code == 200
    return stream


def stream_status(settings: Settings) -> int:
    with requests.get(f"{settings.web_url}/events", stream=True, timeout=5) as answer:
        return answer.status_code


def changes(stream: requests.Response) -> Iterator[dict[str, Any]]:
    lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
    for line in lines:
        if line == "event: change":
            yield json.loads(next(lines).removeprefix("data: "))


def test_a_row_reaches_the_browser(settings: Settings, web: Service, projector: Service) -> None:
    (one,) = new_ids(1)
    with open_stream(settings) as stream:
        found = changes(stream)
        sender = producer(settings)
        put(sender, CUSTOMER_CONSOLIDATED, one, live_row(one, order_count=4))
        sender.flush(10)
        change = next(change for change in found if change["customer_id"] == one)
    assert change["view"] == "live"
    assert change["row"]["live_orders"] == "4"
    shown = requests.get(f"{settings.web_url}/api/customers/{one}", timeout=5).json()
    assert shown["live"]["row"]["order_count"] == 4


def test_a_customer_created_here_takes_an_order_at_once(settings: Settings, web: Service) -> None:
    created = requests.post(f"{settings.web_url}/api/customers", json={}, timeout=10)
    assert created.status_code == 201, created.text
    customer_id = created.json()["customer_id"]
    order = requests.post(
        f"{settings.web_url}/api/customers/{customer_id}/orders", json={"order_total_cents": 500_001}, timeout=10
    )
    assert order.status_code == 201
    assert order.json()["offset"] >= 0


def test_a_stop_ends_open_streams_in_time(settings: Settings, web: Service) -> None:
    with open_stream(settings), open_stream(settings):
        assert web.stop() < 5
    assert web.process is not None
    assert web.process.returncode == 0


def test_browsers_that_do_not_read_hold_up_nobody(settings: Settings, web: Service) -> None:
    host, port = "127.0.0.1", settings.port("web")
    request = f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    idle = [socket.create_connection((host, port)) for _ in range(settings.web_threads + 10)]
    try:
        for connection in idle:
            connection.sendall(request)
        began = time.monotonic()
        assert requests.get(f"{settings.web_url}/healthz", timeout=5).ok
        eventually(lambda: stream_status(settings) == 503, what="refusal of one browser too many")
        assert requests.get(f"{settings.web_url}/", timeout=5).ok
        assert time.monotonic() - began < 10
    finally:
        for connection in idle:
            connection.close()
