"""What Spark alone needs to read and decode the records of the lab's topics: `python -m benchmarks.lakehouse_noop`.

Prints one JSON line: seconds of the first and of the second pass over all records, in the production session.
"""

import json
import time

from pyspark.sql import DataFrame

from contracts.marketing import MARKETING
from contracts.schemas import load_schema
from contracts.settings import load_settings
from spark.marketing.ingest_stream import STEPS
from spark.runtime.decode import classifier
from spark.runtime.kafka import spark_options
from spark.runtime.registry import SchemaIds
from spark.runtime.session import start_session
from webapp.commands.framing import AvroFramer


def seconds(rows: DataFrame) -> float:
    """How long it takes to compute all rows and drop them."""
    started = time.perf_counter()
    rows.write.format("noop").mode("overwrite").save()
    return time.perf_counter() - started


def main() -> None:
    """Measure two passes."""
    settings, (step,) = load_settings(), STEPS
    spark = start_session(settings, "noop", {"spark.ui.enabled": "false"})
    reader = spark.read.format("kafka").options(**spark_options(settings))
    topics = ",".join(topic.name for topic in step.reads)
    reader = reader.option("subscribe", topics).option("includeHeaders", "true")
    records = reader.option("kafka.fetch.max.wait.ms", 20).load()
    ids = SchemaIds(settings.registry_url)
    framer = AvroFramer(settings, MARKETING)
    ids.learn({framer.schema_id(topic) for topic in step.reads})
    readers = tuple(json.dumps(load_schema(MARKETING, source.topic)) for source in step.sources)
    decoded = classifier(step.sources, readers, ids.known())(records).drop("reason")
    print(json.dumps([seconds(decoded), seconds(decoded)]))
    spark.stop()


if __name__ == "__main__":
    main()
