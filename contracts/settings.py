"""Every address, folder and size of the lab, in one frozen object.

A value comes from, in this order: an environment variable, the file `.env` in the project's folder, the default
here. The variable's name is the field's with the prefix LAB_, except for the few that keep their usual name.
"""

import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The lab's settings. Ports are those of 127.0.0.1; `port_offset` is added to every one of them."""

    model_config = SettingsConfigDict(
        env_prefix="LAB_",
        env_file=PROJECT_DIR / ".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    mode: Literal["auto", "native", "docker"] = Field("auto", validation_alias=AliasChoices("MODE", "LAB_MODE"))
    name: str = Field("marketing", description="which lab of contracts/ runs")
    home: Path = Field(PROJECT_DIR / ".lab", description="run-time data and logs")
    cache_dir: Path = Field(
        PROJECT_DIR / ".lab" / "cache", description="what set-up downloaded; shared by every lab of this checkout"
    )
    host: str = Field("127.0.0.1", description="the address every server binds to")

    port_offset: int = Field(0, ge=0, le=40_000, description="added to every port: a second lab beside the first")
    port_web: int = Field(5001, description="the page (5000 belongs to macOS)")
    port_ksql: int = Field(8088, description="the ksqlDB API")
    port_registry: int = Field(8081, description="the schema registry")
    port_registry_management: int = Field(8091, description="the registry's health checks")
    port_kafka: int = Field(9092, description="the broker")
    port_kafka_controller: int = Field(9093, description="the broker's KRaft controller")
    port_redis: int = Field(6379, description="Redis")
    port_spark_ui: int = Field(4040, description="Spark's own pages")

    kafka_heap_mb: int = Field(320, ge=128, description="the broker's Java heap")
    registry_heap_mb: int = Field(160, ge=96, description="the registry's Java heap")
    spark_heap_mb: int = Field(1024, ge=512, description="the Spark driver's Java heap")
    redis_max_mb: int = Field(256, ge=16, description="Redis refuses writes above this")

    spark_master: str = Field("local[2]", validation_alias=AliasChoices("SPARK_MASTER", "LAB_SPARK_MASTER"))
    delta_root_url: str | None = Field(None, validation_alias=AliasChoices("DELTA_ROOT", "LAB_DELTA_ROOT"))
    reset_cache_on_start: bool = Field(
        False, validation_alias=AliasChoices("RESET_CACHE_ON_START", "LAB_RESET_CACHE_ON_START")
    )
    flask_secret_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("FLASK_SECRET_KEY", "LAB_FLASK_SECRET_KEY")
    )

    kafka_bootstrap: str | None = Field(None, description="a broker elsewhere: host:port[,host:port]")
    kafka_security: dict[str, str] = Field(
        default_factory=dict, description="client properties for a secured cluster, as JSON, in librdkafka's names"
    )
    schema_registry: str | None = Field(None, description="a registry elsewhere: its Confluent API's address")
    ksql_server: str | None = Field(None, description="a ksqlDB elsewhere")
    redis_server: str | None = Field(None, description="a Redis elsewhere: redis://host:port/db")

    start_deadline_s: float = Field(120.0, gt=0, description="how long one service may take to be ready")
    ksql_workers: int | None = Field(None, ge=0, description="processes of the streaming SQL; else the engine decides")
    web_threads: int = Field(64, ge=8, description="requests and event streams the web app serves at once")

    def port(self, service: str) -> int:
        """The port of `service` ("web", "ksql", "kafka", …) with the offset added."""
        value: int = getattr(self, f"port_{service}")
        return value + self.port_offset

    @property
    def bootstrap(self) -> str:
        """host:port of the Kafka broker."""
        return self.kafka_bootstrap or f"{self.host}:{self.port('kafka')}"

    @property
    def registry_url(self) -> str:
        """Base address of the schema registry's Confluent API, without a closing slash."""
        return self.schema_registry or f"http://{self.host}:{self.port('registry')}/apis/ccompat/v7"

    @property
    def ksql_url(self) -> str:
        """Base address of the ksqlDB API."""
        return self.ksql_server or f"http://{self.host}:{self.port('ksql')}"

    @property
    def redis_url(self) -> str:
        """Address of Redis."""
        return self.redis_server or f"redis://{self.host}:{self.port('redis')}/0"

    @property
    def web_url(self) -> str:
        """Address of the page."""
        return f"http://{self.host}:{self.port('web')}"

    @property
    def kafka_client(self) -> dict[str, str]:
        """The client properties every Kafka client of the lab starts from (librdkafka's names)."""
        return {"bootstrap.servers": self.bootstrap, **self.kafka_security}

    @property
    def data_dir(self) -> Path:
        """What the lab has stored: topics, tables, checkpoints, state. `make clear` removes it."""
        return self.home / "data"

    @property
    def logs_dir(self) -> Path:
        """One log per service. `make clear` removes it."""
        return self.home / "logs"

    @property
    def run_dir(self) -> Path:
        """Process ids and heartbeats of the running lab."""
        return self.home / "run"

    @property
    def delta_root(self) -> str:
        """Where the Delta tables are: a folder, or an object store's address."""
        return self.delta_root_url or str(self.data_dir / "delta")

    @property
    def checkpoints_dir(self) -> Path:
        """Spark's checkpoints; table data and checkpoints only ever go together."""
        return self.data_dir / "checkpoints"

    @cached_property
    def session_key(self) -> str:
        """The key that signs the page's sessions: FLASK_SECRET_KEY, else one for this process."""
        return self.flask_secret_key.get_secret_value() if self.flask_secret_key else secrets.token_hex(32)


def load_settings() -> Settings:
    """Read the settings from the environment and `.env`.

    Raises:
        pydantic.ValidationError: a value is not of the type or range its field states.
    """
    return Settings()
