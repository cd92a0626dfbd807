"""What a service is, as data, and the table of those that this lab runs."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.model import Station
from contracts.settings import PROJECT_DIR, Settings
from scripts.stack import kafka, redis_server, registry
from scripts.stack.errors import UnknownService
from scripts.stack.java import java_home
from scripts.stack.probes import Probe, heartbeat_ready, http_ready

TOPICS, SCHEMAS, STATEMENTS = "topics", "schemas", "ksql-statements"


def _nothing() -> None:
    """Nothing to prepare."""


@dataclass(frozen=True)
class Service:
    """One process of the lab.

    `needs` names services and bootstrap steps that must be ready first; `ready` is asked until it is true; `listens`
    says that the first of `ports` must be held by it; `prepare` runs before each start; `groups` are the beginnings of
    its consumer groups' names.
    """

    name: str
    command: tuple[str, ...]
    ready: Probe
    needs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    listens: bool = False
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 100
    stop_seconds: int = 10
    groups: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing


def is_station(service: Service) -> bool:
    """Whether the service is a station of the flow, and not a server that stations talk to."""
    return service.name in {each.value for each in Station}


def service_table(settings: Settings) -> tuple[Service, ...]:
    """Every service that runs on this machine; one that the settings place elsewhere is not in it."""
    elsewhere = {
        "kafka": settings.kafka_bootstrap,
        "registry": settings.schema_registry,
        "redis": settings.redis_server,
        "ksql": settings.ksql_server,
    }
    return tuple(service for service in (*_servers(settings), *_stations(settings)) if not elsewhere.get(service.name))


def find_service(services: tuple[Service, ...], name: str) -> Service:
    """The service called `name`.

    Raises:
        UnknownService: none is.
    """
    for service in services:
        if service.name == name:
            return service
    raise UnknownService(f"no service {name!r}; the lab runs {', '.join(each.name for each in services)}")


def _servers(settings: Settings) -> tuple[Service, ...]:
    """What the stations talk to."""
    return (
        Service(
            name="kafka",
            command=kafka.command(settings),
            ready=kafka.ready(settings),
            ports=(settings.port("kafka"), settings.port("kafka_controller")),
            listens=True,
            url=settings.bootstrap,
            memory_mb=settings.kafka_heap_mb + 130,
            stop_seconds=20,
            prepare=lambda: kafka.prepare(settings),
        ),
        Service(
            name="registry",
            command=registry.command(settings),
            ready=http_ready(f"{settings.registry_url}/subjects"),
            ports=(settings.port("registry"), settings.port("registry_management")),
            listens=True,
            url=settings.registry_url,
            memory_mb=settings.registry_heap_mb + 170,
            prepare=lambda: _make(registry.folder(settings)),
        ),
        Service(
            name="redis",
            command=redis_server.command(settings),
            ready=redis_server.ready(settings),
            ports=(settings.port("redis"),),
            listens=True,
            url=settings.redis_url,
            memory_mb=20,
            prepare=lambda: _make(redis_server.folder(settings)),
        ),
    )


def _stations(settings: Settings) -> tuple[Service, ...]:
    """The stations of the flow, in its order."""
    return (
        Service(
            name=Station.KSQL.value,
            command=_python("ksql_engine", *_engine_arguments(settings)),
            # /info answers while the engine still restores its state; the health check says when it takes statements.
            ready=http_ready(f"{settings.ksql_url}/healthcheck", "isHealthy"),
            needs=("kafka", "registry", TOPICS, SCHEMAS),
            ports=(settings.port("ksql"),),
            listens=True,
            url=settings.ksql_url,
            memory_mb=200,
            groups=("_confluent-ksql-default_query_",),
        ),
        Service(
            name=Station.SPARK.value,
            command=_python("spark.pipeline"),
            ready=heartbeat_ready(settings.run_dir, Station.SPARK.value),
            # Its session takes longest to start, needs nothing, and then waits for the broker by itself.
            needs=(),
            ports=(settings.port("spark_ui"),),
            url=f"http://{settings.host}:{settings.port('spark_ui')}",
            env={"JAVA_HOME": str(java_home(settings.cache_dir)), "PYSPARK_PYTHON": sys.executable},
            memory_mb=settings.spark_heap_mb + 500,
            stop_seconds=20,
        ),
        Service(
            name=Station.PROJECTOR.value,
            command=_python("webapp.projector"),
            ready=heartbeat_ready(settings.run_dir, Station.PROJECTOR.value),
            needs=("redis", TOPICS, SCHEMAS),
            groups=(Station.PROJECTOR.value,),
        ),
        Service(
            name=Station.STAGE_KEEPER.value,
            command=_python("webapp.stage_keeper"),
            ready=heartbeat_ready(settings.run_dir, Station.STAGE_KEEPER.value),
            needs=(TOPICS, SCHEMAS),
            groups=(Station.STAGE_KEEPER.value,),
        ),
        Service(
            name=Station.WEBAPP.value,
            command=web_command(),
            ready=http_ready(f"{settings.web_url}/healthz"),
            needs=("redis", TOPICS, SCHEMAS),
            ports=(settings.port("web"),),
            listens=True,
            url=settings.web_url,
        ),
    )


def _engine_arguments(settings: Settings) -> tuple[str, ...]:
    return (
        *("--host", settings.host, "--port", str(settings.port("ksql"))),
        *("--bootstrap", settings.bootstrap, "--registry-url", settings.registry_url),
        *("--state-dir", str(settings.data_dir / "ksql")),
        *(() if settings.ksql_workers is None else ("--workers", str(settings.ksql_workers))),
        *(part for name, value in settings.kafka_security.items() for part in ("--kafka-property", f"{name}={value}")),
    )


def web_command() -> tuple[str, ...]:
    """The web app behind gunicorn, as its own file says."""
    return _python("gunicorn", "--config", str(PROJECT_DIR / "webapp" / "gunicorn_conf.py"), "webapp:create_app()")


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
