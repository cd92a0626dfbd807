"""An engine over topics in memory, and what tests ask of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import SelectStatement
from ksql_engine.driver.registry import MemoryRegistry
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.memory_broker import MemoryBroker
from ksql_engine.runtime.queries import run_pull
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.server.statements import Request, StatementRunner


@contextmanager
def engine(folder: Path, broker: MemoryBroker, registry: MemoryRegistry) -> Iterator[Engine]:
    """Run an engine over topics in memory; its state lies in `folder`."""
    made = Engine(EngineSettings(bootstrap="", state_dir=folder), broker, registry)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def execute(running: Engine, text: str, **properties: Any) -> list[dict[str, Any]]:
    """Execute statements and return their answers."""
    return StatementRunner(running).execute(text, Request(properties=properties))


def pulled(running: Engine, text: str, count: int) -> list[Any]:
    """Return the rows of a pull query, as soon as there are `count`."""
    statement = parse_statement(text, running.metastore.types)
    assert isinstance(statement, SelectStatement)
    deadline = time.monotonic() + 10
    while True:
        rows = list(run_pull(running, statement.query, {})[1])
        if len(rows) >= count or time.monotonic() > deadline:
            return rows
        time.sleep(0.02)


def until(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return what `check` gives once it is true, or its last answer after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found
