"""Readiness: an answer is not enough where a server answers before it can work."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from contracts.heartbeat import write_heartbeat
from scripts.stack.probes import heartbeat_ready, http_ready, port_open


class Answers(BaseHTTPRequestHandler):
    code, body = 200, {"isHealthy": False}

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.end_headers()
        self.wfile.write(json.dumps(self.body).encode())

    def log_message(self, *_args: object) -> None:
        """Tests need no log."""


@pytest.fixture
def server() -> Iterator[tuple[type[Answers], str]]:
    class Own(Answers):
        pass

    with HTTPServer(("127.0.0.1", 0), Own) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield Own, f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


def test_a_server_that_restores_its_state_is_not_ready(server: tuple[type[Answers], str]) -> None:
    handler, url = server
    assert http_ready(url)()
    assert not http_ready(url, "isHealthy")()
    handler.body = {"isHealthy": True}
    assert http_ready(url, "isHealthy")()
    handler.code = 503
    assert not http_ready(url)()


def test_nothing_there_is_not_ready() -> None:
    assert not http_ready("http://127.0.0.1:1/")()
    assert not port_open("127.0.0.1", 1)


@pytest.mark.parametrize(("state", "ready"), [("running", True), ("starting", False), ("waiting", False)])
def test_a_heartbeat_must_say_running(tmp_path: Path, state: str, ready: bool) -> None:
    probe = heartbeat_ready(tmp_path, "projector")
    assert not probe()
    write_heartbeat(tmp_path, "projector", state)
    assert probe() is ready
