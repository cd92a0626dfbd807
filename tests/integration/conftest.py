"""Real Kafka, schema registry and Redis, started once per run on free ports in a temporary folder."""

import itertools
import random
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from engine_process import EngineProcess

from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.stack.lab import NativeLab
from scripts.stack.trial import trial_lab

RUN = itertools.count(1)


@dataclass(frozen=True)
class LabServices:
    """The running services; `lab` can stop, start and restart them."""

    settings: Settings
    lab: NativeLab

    @property
    def bootstrap(self) -> str:
        return self.settings.bootstrap

    @property
    def registry_url(self) -> str:
        return self.settings.registry_url

    @property
    def redis_url(self) -> str:
        return self.settings.redis_url


@pytest.fixture(scope="session")
def lab_services() -> Iterator[LabServices]:
    """Kafka, registry and Redis; no topic and no schema in them yet."""
    with (
        tempfile.TemporaryDirectory(prefix="lab-test-", ignore_cleanup_errors=True) as home,
        trial_lab(Path(home), MARKETING, ["kafka", "registry", "redis"], print) as lab,
    ):
        yield LabServices(lab.settings, lab)


@pytest.fixture
def make_topic(lab_services: LabServices, request: pytest.FixtureRequest) -> Callable[..., str]:
    """`make_topic(partitions=1, **config)` creates a topic with a name of its own and returns the name."""
    admin = AdminClient(lab_services.settings.kafka_client)
    stem = "".join(char if char.isalnum() else "-" for char in request.node.name)[:60]

    def make(partitions: int = 1, **config: str) -> str:
        name = f"{stem}-{next(RUN)}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(30)
        return name

    return make


@pytest.fixture
def engine(lab_services: LabServices, tmp_path: Path) -> Iterator[EngineProcess]:
    process = EngineProcess(lab_services.bootstrap, lab_services.registry_url, tmp_path)
    process.start()
    process.wait_ready()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.end(signal.SIGKILL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the tests that kill the engine."""
    parser.addoption("--kills", type=int, default=3, help="how often test_ksql_marketing_kills kills")
    parser.addoption("--seed", type=int, help="its seed; a random one without it")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills", 3))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--seed", None)
    return random.randrange(10**6) if given is None else int(given)
