"""The schema registry: Apicurio Registry with its Confluent-compatible API, stored in a file."""

from pathlib import Path

from contracts.settings import Settings
from scripts.stack.java import real_java


def command(settings: Settings) -> tuple[str, ...]:
    """The registry's command line."""
    options = {
        "quarkus.http.host": settings.host,
        "quarkus.http.port": settings.port("registry"),
        "quarkus.management.host": settings.host,
        "quarkus.management.port": settings.port("registry_management"),
        # A commit is on disk before it is answered, so that kill -9 loses nothing.
        "apicurio.datasource.url": f"jdbc:h2:file:{folder(settings)}/registry;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE",
        **_LAPTOP,
    }
    return (
        *(str(real_java()), "-Xms32m", f"-Xmx{settings.registry_heap_mb}m", "-Xss512k", "-XX:+UseSerialGC"),
        *("-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError"),
        *(f"-D{name}={value}" for name, value in options.items()),
        *("-jar", str(settings.cache_dir / "registry" / "quarkus-run.jar")),
    )


def folder(settings: Settings) -> Path:
    """Where the schemas are."""
    return settings.data_dir / "registry"


# Few threads and connections, and none of the jobs that wake up every few seconds.
_LAPTOP = {
    "apicurio.datasource.jdbc.initial-size": 1,
    "apicurio.datasource.jdbc.min-size": 1,
    "apicurio.datasource.jdbc.max-size": 8,
    "quarkus.vertx.event-loops-pool-size": 2,
    "quarkus.http.io-threads": 2,
    "quarkus.thread-pool.max-threads": 8,
    "quarkus.http.access-log.enabled": "false",
    "quarkus.banner.enabled": "false",
    "apicurio.logconfigjob.every": "off",
    "apicurio.usage.flush.every": "off",
    "apicurio.usage.aggregation.every": "off",
    "apicurio.downloads.reaper.every": "1h",
}
