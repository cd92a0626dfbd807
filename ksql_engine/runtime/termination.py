"""The end of a service: its queries, all that was defined, and topics that its queries wrote, where asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ksql_engine.runtime.engine import Engine


def terminate_cluster(engine: Engine, patterns: Sequence[re.Pattern[str]]) -> int:
    """End all queries, delete the topics they made whose whole name matches, forget everything; return its number.

    From the beginning on the engine is `terminated`: it refuses what comes, until it is started again and is empty.
    What is defined is forgotten last, so that whatever fails before it can be asked for again after a restart.
    Raises KafkaException, StorageError.
    """
    with engine.lock:
        engine.terminated = True
        sinks = [source for source in engine.metastore.sources.values() if source.query_id and not source.read_only]
        for query_id in list(engine.tasks):
            engine.terminate(query_id)
        for sink in sinks:
            if any(pattern.fullmatch(sink.topic) for pattern in patterns):
                engine.topics.delete(sink.topic)
                engine.delete_subjects(sink)
        engine.topics.delete(engine.settings.processing_log_topic)
        engine.metastore.sources.clear()
        engine.metastore.types.clear()
        engine.catalog.clear()
        return engine.sequence
