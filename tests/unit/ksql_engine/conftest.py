"""One server for the tests of a module, with an engine of its own for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ksql_engine.conformance.rest_server import MemoryServer
from tests.unit.ksql_engine.rest_world import Api


@pytest.fixture(scope="module")
def server() -> MemoryServer:
    return MemoryServer()


@pytest.fixture
def api(server: MemoryServer) -> Iterator[Api]:
    with server.engine({}) as (engine, broker):
        yield Api(server, engine, broker)
