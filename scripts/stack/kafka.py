"""The broker: Apache Kafka in KRaft mode, one node."""

import base64
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from contracts.settings import Settings
from scripts.stack.errors import SetupFailed
from scripts.stack.java import real_java
from scripts.stack.probes import TIMEOUT_S, Probe, port_open

HERE = Path(__file__).parent
FORMAT_TIMEOUT_S = 60


def command(settings: Settings) -> tuple[str, ...]:
    """The broker's command line."""
    return (
        *_java(settings, settings.kafka_heap_mb),
        f"-Dlog4j2.configurationFile={HERE / 'kafka-log4j2.properties'}",
        *("-cp", _classpath(settings), "kafka.Kafka", str(_properties_file(settings))),
    )


def prepare(settings: Settings) -> None:
    """Write the broker's properties and, the first time, format its folder with a new cluster id.

    Raises:
        SetupFailed: the folder cannot be formatted.
    """
    file = _properties_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_properties(settings), "utf-8")
    if known_cluster_id(settings):
        return
    # Always a new id: topics made anew are others, and stored positions in the old ones must not fit them.
    cluster_id = _new_cluster_id()
    _format(settings, cluster_id)
    cluster_id_file(settings).write_text(cluster_id + "\n", "utf-8")


def folder(settings: Settings) -> Path:
    """Where the topics are."""
    return settings.data_dir / "kafka"


def cluster_id_file(settings: Settings) -> Path:
    """The file that remembers the cluster's id when its topics are removed by themselves."""
    return settings.data_dir / "kafka-cluster-id"


def known_cluster_id(settings: Settings) -> str | None:
    """The id that the broker's folder was formatted with, None before the first start."""
    try:
        lines = (folder(settings) / "meta.properties").read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), None)


def ready(settings: Settings) -> Probe:
    """Ready when the broker answers and is the one whose topics are in our folder."""

    def probe() -> bool:
        if not port_open(settings.host, settings.port("kafka")):
            return False
        try:
            client = AdminClient({**settings.kafka_client, "log_level": 0})
            answer = client.describe_cluster(request_timeout=TIMEOUT_S).result(TIMEOUT_S)
        except (KafkaException, TimeoutError):
            return False
        return bool(answer.cluster_id == known_cluster_id(settings))

    return probe


def _format(settings: Settings, cluster_id: str) -> None:
    arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(_properties_file(settings)))
    done = subprocess.run(
        [*_java(settings, 128), "-cp", _classpath(settings), *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FORMAT_TIMEOUT_S,
    )
    if done.returncode:
        raise SetupFailed(f"{folder(settings)} could not be formatted for Kafka:\n{done.stdout.strip()}")


def _java(settings: Settings, heap_mb: int) -> tuple[str, ...]:
    # One small heap and one compiler: the broker of a laptop is rarely busy, its memory is always taken.
    return (
        *(str(real_java()), "-Xms64m", f"-Xmx{heap_mb}m", "-Xss512k", "-XX:+UseSerialGC"),
        *("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"),
        f"-Dkafka.logs.dir={settings.logs_dir}",
    )


def _classpath(settings: Settings) -> str:
    return str(settings.cache_dir / "jars" / "kafka" / "*")


def _properties_file(settings: Settings) -> Path:
    return settings.run_dir / "kafka.properties"


def _properties(settings: Settings) -> str:
    broker = f"PLAINTEXT://{settings.host}:{settings.port('kafka')}"
    controller = f"{settings.host}:{settings.port('kafka_controller')}"
    own = {
        "listeners": f"{broker},CONTROLLER://{controller}",
        "advertised.listeners": broker,
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(folder(settings)),
    }
    return (HERE / "kafka.properties").read_text("utf-8") + "\n".join(f"{k}={v}" for k, v in own.items()) + "\n"


def _new_cluster_id() -> str:
    """22 characters of URL-safe base64 that do not begin with a dash, as Kafka makes them."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
