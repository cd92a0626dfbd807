"""Command line of the server: settings, then the engine, then the REST API, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config

from ksql_engine.errors import KsqlError
from ksql_engine.plan.config import guarantee
from ksql_engine.process import limit_memory, log_to_stderr
from ksql_engine.runtime.collector import settle_collector
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.server.app import make_app
from ksql_engine.server.session_properties import plain_properties

_LOG = logging.getLogger("ksql_engine")
_MOST_WORKERS = 2


def read_settings(arguments: list[str]) -> EngineSettings:
    """Return the settings that the command line gives."""
    parser = argparse.ArgumentParser(prog="python -m ksql_engine", description=__doc__)

    def add(flag: str, default: str | None, help_text: str) -> None:
        parser.add_argument(flag, default=default, help=help_text)

    add("--host", "127.0.0.1", "address to listen on")
    add("--port", "8088", "port to listen on")
    add("--bootstrap", "127.0.0.1:9092", "Kafka's bootstrap servers")
    add("--registry-url", None, "schema registry, Confluent-compatible API")
    add("--state-dir", ".ksql-state", "folder for state and definitions")
    add("--commit-interval-ms", "2000", "longest time between commits of a query that is behind, in ms")
    add("--auto-offset-reset", "earliest", "where new queries begin: earliest or latest")
    add("--service-id", "default_", "prefix of internal names")
    parser.add_argument(
        "--kafka-property",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further property for all Kafka clients (librdkafka's name), such as security.protocol",
    )
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME=VALUE", help="a server property of ksqlDB"
    )
    add(
        "--workers",
        str(min(_MOST_WORKERS, os.cpu_count() or 1)),
        "processes that run persistent queries; 0: the server's own",
    )
    add("--users-file", None, "file of NAME:PASSWORD lines; with it, the API asks for HTTP Basic authentication")
    add("--max-push-queries", "100", "most push queries that may be open at a time")
    given = parser.parse_args(arguments)
    if given.auto_offset_reset not in ("earliest", "latest"):
        parser.error("--auto-offset-reset is earliest or latest")
    return EngineSettings(
        bootstrap=given.bootstrap,
        state_dir=Path(given.state_dir),
        registry_url=given.registry_url,
        host=given.host,
        port=int(given.port),
        commit_interval_ms=int(given.commit_interval_ms),
        auto_offset_reset=given.auto_offset_reset,
        service_id=given.service_id,
        kafka=_pairs(given.kafka_property, parser),
        properties=_properties(given.property, parser),
        users=_users(given.users_file, parser),
        max_push_queries=int(given.max_push_queries),
        workers=max(0, int(given.workers)),
    )


def _pairs(items: list[str], parser: argparse.ArgumentParser) -> dict[str, str]:
    if not all("=" in item for item in items):
        parser.error("a property has the form NAME=VALUE")
    return {name: value for name, _, value in (item.partition("=") for item in items)}


def _properties(items: list[str], parser: argparse.ArgumentParser) -> dict[str, str]:
    found = _pairs(items, parser)
    try:
        guarantee(plain_properties(found))
    except KsqlError as error:
        parser.error(str(error))
    return found


def _users(path: str | None, parser: argparse.ArgumentParser) -> dict[str, str]:
    if path is None:
        return {}
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        parser.error(f"--users-file: {error}")
    if not lines or not all(":" in line for line in lines):
        parser.error("--users-file needs lines of the form NAME:PASSWORD")
    return {name: password for name, _, password in (line.partition(":") for line in lines)}


async def run(settings: EngineSettings) -> int:
    """Serve until a signal comes; return the exit code."""
    engine = Engine(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    config = Config()
    config.bind = [f"{settings.host}:{settings.port}"]
    config.graceful_timeout = 0.5
    config.accesslog = None
    config.loglevel = "WARNING"
    server = asyncio.create_task(serve(make_app(engine), config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]  # Starlette's ASGI types are wider than Hypercorn's
    starting = asyncio.create_task(asyncio.to_thread(engine.start))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping, server}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            settle_collector()
            await asyncio.wait({stopping, server}, return_when=asyncio.FIRST_COMPLETED)
        return 0
    except KsqlError as error:
        _LOG.error("%s", error)
        return 1
    finally:
        stop.set()
        await asyncio.to_thread(engine.stop)
        await asyncio.wait({server}, timeout=2)


def main() -> None:
    """Run the server and leave with its exit code."""
    log_to_stderr()
    limit_memory()
    code = asyncio.run(run(read_settings(sys.argv[1:])))
    logging.shutdown()
    sys.stdout.flush()
    # Threads of clients that wait for an absent broker must not hold up the end: all state is closed by now.
    os._exit(code)


if __name__ == "__main__":
    main()
