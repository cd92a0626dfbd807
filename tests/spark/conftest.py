"""One small Spark session for all tests of the lakehouse; tables live in the test's own folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.settings import Settings
from spark.runtime.session import start_session


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The production session, with its page off."""
    home: Path = tmp_path_factory.mktemp("lab")
    settings = Settings(home=home, spark_heap_mb=768)
    session = start_session(settings, "tests", {"spark.ui.enabled": "false"})
    yield session
    session.stop()
