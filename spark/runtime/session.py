"""The Spark session of the lab: small heaps, cheap plans for small batches, nothing fetched, nothing open to others."""

import os
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from contracts.settings import Settings
from spark.runtime.errors import LakehouseError

AVRO_LIMITS = {"bytes.maxLength": 8_000_000, "string.maxLength": 1_000_000, "collectionItems.maxLength": 100_000}
"""A poisoned length in a record must fail that record, not exhaust the heap."""


def _java_options(settings: Settings) -> str:
    limits = [f"-Dorg.apache.avro.limits.{name}={value}" for name, value in AVRO_LIMITS.items()]
    return " ".join(
        [
            "-XX:+UseSerialGC",
            "-XX:MinHeapFreeRatio=10",
            "-XX:MaxHeapFreeRatio=25",
            "-XX:ReservedCodeCacheSize=160m",
            "-XX:MaxMetaspaceSize=320m",
            "-XX:MaxDirectMemorySize=128m",
            "-Xss512k",
            f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
            f"-Dderby.system.home={settings.run_dir}",
            *limits,
        ]
    )


def _options(settings: Settings) -> dict[str, str]:
    jars = sorted((settings.cache_dir / "jars" / "spark").glob("*.jar"))
    if not jars:
        raise LakehouseError(f"no Spark jars in {settings.cache_dir / 'jars' / 'spark'}. Remedy: make setup")
    return {
        "spark.master": settings.spark_master,
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.memory": f"{settings.spark_heap_mb}m",
        "spark.driver.host": settings.host,
        "spark.driver.bindAddress": settings.host,
        "spark.driver.extraJavaOptions": _java_options(settings),
        "spark.ui.port": str(settings.port("spark_ui")),
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "500",
        "spark.sql.ui.retainedExecutions": "30",
        "spark.sql.streaming.ui.retainedProgressUpdates": "20",
        "spark.sql.pyspark.jvmStacktrace.enabled": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.sql.warehouse.dir": str(settings.data_dir / "warehouse"),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        # Batches are small: few partitions, and no second planning while a query runs.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.leafNodeDefaultParallelism": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.limit.initialNumPartitions": "32",
        "spark.sql.streaming.minBatchesToRetain": "20",
        "spark.sql.streaming.numRecentProgressUpdates": "5",
        # Vectors are written in one way, that of small batches; a big merge rewrites files.
        "spark.databricks.delta.merge.deletionVectors.persistent": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.optimize.maxThreads": "1",
    }


def start_session(settings: Settings, name: str, more: Mapping[str, str] | None = None) -> SparkSession:
    """Start the JVM and the session; `more` are options beside the lab's own.

    Raises:
        LakehouseError: set-up has not brought Spark's jars.
    """
    os.environ.update(_environment(settings))
    builder = SparkSession.builder.appName(name)
    for key, value in {**_options(settings), **(more or {})}.items():
        builder = builder.config(key, value)
    _scratch(settings).mkdir(parents=True, exist_ok=True)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def _environment(settings: Settings) -> dict[str, str]:
    """What the JVM needs in its environment. Fewer malloc arenas keep its native memory small."""
    java = settings.cache_dir / "java"
    home = {"JAVA_HOME": str(java)} if (java / "bin" / "java").exists() else {}
    return {
        **home,
        "SPARK_LOCAL_IP": settings.host,
        "SPARK_LOCAL_DIRS": str(_scratch(settings)),
        "MALLOC_ARENA_MAX": "2",
    }


def _scratch(settings: Settings) -> Path:
    return settings.run_dir / "spark-local"


def jvm_pid() -> int:
    """The process id of the session's JVM."""
    gateway = SparkContext._gateway  # noqa: SLF001 - pyspark tells nobody which process it started
    if gateway is None:
        raise LakehouseError("no Spark session was started")
    pid: int = gateway.proc.pid
    return pid


def jvm_is_alive() -> bool:
    """Whether the session's JVM still runs."""
    gateway = SparkContext._gateway  # noqa: SLF001 - as above
    return gateway is not None and gateway.proc.poll() is None
