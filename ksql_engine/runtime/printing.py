"""PRINT: the records of a topic as text, whatever they are."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

from ksql_engine.dialect.statements import PrintTopic
from ksql_engine.errors import SchemaNotFoundError, StatementError
from ksql_engine.formats.avro_json import from_avro
from ksql_engine.formats.base import SchemaRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.live import POLL_SECONDS, Live

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBERS: Final = {4: ("KAFKA_INT", struct.Struct(">i")), 8: ("KAFKA_BIGINT", struct.Struct(">q"))}


class TopicPrint(Live):
    """A topic's records for one client; its items are lines."""

    def __init__(self, engine: Engine, statement: PrintTopic, properties: Mapping[str, str]) -> None:
        """Prepare. Raises StatementError when there is no such topic."""
        super().__init__(f"print_{statement.topic}_{uuid.uuid4().hex}", statement.limit)
        if engine.topics.find(statement.topic) is None:
            raise StatementError(
                f"Could not find topic '{statement.topic}', or the KSQL user does not have permissions to list the "
                f"topic. Topic names are case-sensitive."
            )
        self._engine, self._statement = engine, statement
        earliest = statement.from_beginning or properties.get("auto.offset.reset") == "earliest"
        self._from_latest = () if earliest else (statement.topic,)
        self._formats: list[str] = []
        self._seen = 0

    def _read(self) -> None:
        feed = self._engine.broker.feed(f"{self._engine.settings.group_id('')}{self.query_id}", [self._statement.topic])
        try:
            self._begin(feed, self._from_latest)
            while not self._finished():
                for message in feed.batch(POLL_SECONDS, 0.0):
                    self._show(message)
                    if self._finished():
                        return
        finally:
            feed.close()

    def _show(self, message: Message) -> None:
        """Queue every n-th record as a line; the first also says in what formats the topic seems to be."""
        self._seen += 1
        if (self._seen - 1) % max(self._statement.interval, 1):
            return
        registry = self._engine.registry
        (key_format, key), (value_format, value) = (described(one, registry) for one in (message.key, message.value))
        head = f"Key format: {key_format}\nValue format: {value_format}\n" if not self._formats else ""
        self._formats = [key_format, value_format]
        self._put(
            f"{head}rowtime: {_time(message.timestamp)}, key: {key}, value: {value}, partition: {message.partition}\n"
        )


def _time(millis: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=millis)
    return f"{moment:%Y/%m/%d %H:%M:%S}.{millis % 1000:03} Z"


def described(data: bytes | None, registry: SchemaRegistry | None) -> tuple[str, str]:
    """Return what bytes seem to be, and them as text."""
    if data is None:
        return "¯\\_(ツ)_/¯ - no data processed", "<null>"
    avro = _avro(data, registry)
    if avro is not None:
        return "AVRO", avro
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable():
        return _text_format(text), text
    if len(data) in _NUMBERS:
        name, packed = _NUMBERS[len(data)]
        return name, str(packed.unpack(data)[0])
    return "KAFKA_STRING" if text else "UNRECOGNIZED_BYTES", text or f"[{data.hex(' ')}]"


def _text_format(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return "KAFKA_STRING"
    return "JSON or KAFKA_STRING"


def _avro(data: bytes, registry: SchemaRegistry | None) -> str | None:
    if registry is None or len(data) < 5 or data[0] != 0:
        return None
    try:
        schema = registry.schema_by_id(int.from_bytes(data[1:5], "big"))
        return json.dumps(from_avro(schema, data), default=str, ensure_ascii=False)
    except (SchemaNotFoundError, ValueError, EOFError, IndexError, KeyError):
        return None
