"""The processing log (ksqlDB reference): what could not be read or computed, as JSON records of a topic."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, Final

from ksql_engine.errors import QueryFailedError, SerializationError
from ksql_engine.operators.endpoints import Message, is_key_error

LOG_STREAM: Final = "KSQL_PROCESSING_LOG"
INCLUDE_ROWS: Final = "ksql.logging.processing.rows.include"
CREATE_STREAM: Final = "ksql.logging.processing.stream.auto.create"


def log_stream_statement(topic: str) -> str:
    """Return the statement that makes the processing log a stream."""
    error = "errorMessage STRING, record STRING, cause ARRAY<STRING>"
    return (
        f"CREATE STREAM {LOG_STREAM} (level STRING, logger STRING, time BIGINT, message STRUCT<type INT, "
        "deserializationError STRUCT<target STRING, errorMessage STRING, recordB64 STRING, cause ARRAY<STRING>, "
        "`topic` STRING, `partition` INT, `offset` BIGINT>, "
        f"recordProcessingError STRUCT<{error}>, productionError STRUCT<errorMessage STRING>, "
        f"serializationError STRUCT<target STRING, {error}, `topic` STRING>>) "
        f"WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');"
    )


def deserialization_entry(
    query_id: str, source: str, message: Message, error: Exception, include_row: bool = False
) -> bytes:
    """Return the entry for a record that cannot be read; with `include_row` its bytes go along in Base64."""
    target = "key" if is_key_error(error) else "value"
    data = message.key if target == "key" else message.value
    return _entry(
        query_id,
        f"{source}.deserializer",
        0,
        deserializationError={
            "target": target,
            "errorMessage": str(error),
            "recordB64": base64.b64encode(data).decode() if data is not None and include_row else None,
            "cause": _causes(error),
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
        },
    )


def unreadable(message: Message, error: Exception) -> QueryFailedError:
    """Return the error of a query that is to stop at a record that cannot be read."""
    place = f"topic {message.topic}, partition {message.partition}, offset {message.offset}"
    return QueryFailedError(f"The record at {place} cannot be read: {error}")


def processing_entry(query_id: str, text: str, error: Exception) -> bytes:
    """Return the entry for an expression without a value."""
    cause = _causes(error)
    return _entry(
        query_id,
        "Project",
        1,
        recordProcessingError={
            "errorMessage": f"{text}: {error}" if str(error) not in text else text,
            "record": None,
            "cause": cause,
        },
    )


def serialization_entry(query_id: str, topic: str, error: SerializationError) -> bytes:
    """Return the entry for a row that cannot be written."""
    return _entry(
        query_id,
        "serializer",
        3,
        serializationError={
            "target": "value",
            "errorMessage": str(error),
            "record": None,
            "cause": _causes(error),
            "topic": topic,
        },
    )


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    cause = error.__cause__
    while cause is not None and len(found) < 5:
        found.append(str(cause))
        cause = cause.__cause__
    return found


def _entry(query_id: str, step: str, kind: int, **part: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "type": kind,
        "deserializationError": None,
        "recordProcessingError": None,
        "productionError": None,
        "serializationError": None,
        **part,
    }
    return json.dumps(
        {
            "level": "ERROR",
            "logger": f"processing.{query_id}.{step}",
            "time": time.time_ns() // 1_000_000,
            "message": message,
        }
    ).encode()
