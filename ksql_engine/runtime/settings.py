"""The server's settings, built once from the command line and passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EngineSettings:
    """What the engine needs to know about its surroundings. `kafka` holds further client properties (security).

    `properties` are ksqlDB's own server properties; a request may set them for itself. `users` are passwords
    by name; without any the API is open. `workers` is the number of processes that run persistent queries; with 0
    the server's own does.
    """

    bootstrap: str
    state_dir: Path
    registry_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8088
    commit_interval_ms: int = 2000
    auto_offset_reset: str = "earliest"
    service_id: str = "default_"
    max_push_queries: int = 100
    workers: int = 0
    kafka: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)

    def group_id(self, query_id: str) -> str:
        """Return the consumer group under which a query's offsets are visible."""
        return f"_confluent-ksql-{self.service_id}query_{query_id}"

    @property
    def processing_log_topic(self) -> str:
        """The topic of records that could not be processed."""
        return f"{self.service_id}ksql_processing_log"
