"""A page for verify to talk to."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from verify_fake_page import FakeLab, handler


@pytest.fixture
def lab() -> FakeLab:
    return FakeLab()


@pytest.fixture
def url(lab: FakeLab) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(lab))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
