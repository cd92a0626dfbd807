"""Records of a topic from and to the plain JSON in which cases give them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ksql_engine.formats.avro_json import from_avro, to_avro
from ksql_engine.formats.base import SchemaRegistry
from ksql_engine.formats.coerce import json_coercion
from ksql_engine.formats.factory import StandardFormats
from ksql_engine.formats.window_keys import windowed_reader, windowed_writer
from ksql_engine.operators.endpoints import Message
from ksql_engine.plan.model import Column, FormatSpec, Source, WindowInfo
from ksql_engine.types import INTEGER, STRING, Row, SqlType


@dataclass(frozen=True)
class Part:
    """A topic's keys or values: their format, and the columns where a source is declared over the topic."""

    spec: FormatSpec
    columns: tuple[Column, ...]
    is_key: bool
    subject: str
    name: str

    @property
    def alone(self) -> bool:
        """Whether a single column stands without a record around it."""
        return len(self.columns) == 1 and (self.is_key or not self.spec.wrap or self.spec.name == "KAFKA")

    @property
    def kind(self) -> SqlType | None:
        """The type of the whole, where columns are known."""
        if not self.columns:
            return None
        if self.alone:
            return self.columns[0].type
        return SqlType("STRUCT", fields=tuple((column.name, column.type) for column in self.columns))


class TopicData:
    """The data of one topic; `declared` is what a case says of it (formats), if anything."""

    def __init__(
        self, topic: str, source: Source | None, registry: SchemaRegistry, declared: Mapping[str, Any] | None = None
    ) -> None:
        """Take the formats from the case, else from the source over the topic."""
        self.topic, self.source = topic, source
        self._registry, self._formats = registry, StandardFormats(registry)
        self.key = self._part(declared or {}, is_key=True)
        self.value = self._part(declared or {}, is_key=False)

    def _part(self, declared: Mapping[str, Any], *, is_key: bool) -> Part:
        side, source = ("key" if is_key else "value"), self.source
        spec, columns = FormatSpec("KAFKA" if is_key else "JSON"), tuple[Column, ...]()
        if source is not None:
            spec = source.key_format if is_key else source.value_format
            columns = source.schema.key if is_key else source.schema.value
        name = declared.get(f"{side}Format") or (None if is_key else declared.get("format"))
        if isinstance(name, str) and name.upper() != spec.name:
            spec = FormatSpec(name.upper(), wrap=spec.wrap)
        return Part(spec, columns, is_key, f"{self.topic}-{side}", source.name if source else self.topic)

    def message(self, record: Mapping[str, Any]) -> Message:
        """Return a case's record as the topic has it."""
        headers = tuple((one["KEY"], _from_base64(one["VALUE"])) for one in record.get("headers") or ())
        key, value = self._key(record), self._bytes(self.value, record.get("value"))
        return Message(self.topic, key, value, int(record.get("timestamp", 0)), headers=headers)

    def _key(self, record: Mapping[str, Any]) -> bytes | None:
        plain, window = self._bytes(self.key, record.get("key")), record.get("window")
        if plain is None or window is None:
            return plain
        size = None if str(window.get("type")).lower() == "session" else int(window["end"]) - int(window["start"])
        return windowed_writer(lambda row: row[0], WindowInfo("", size))((plain, window["start"], window["end"]))

    def _bytes(self, part: Part, given: Any) -> bytes | None:
        if given is None or part.spec.name == "NONE":
            return None
        if part.spec.name == "JSON":
            return json_text(given).encode()
        if part.spec.name == "DELIMITED":
            return str(given).encode()
        if part.spec.name == "AVRO":
            known = self._registry.latest(part.subject)
            if known is not None:
                return to_avro(known.schema_id, known.schema, given)
        columns = part.columns or (Column("ROWKEY", STRING if isinstance(given, str) else INTEGER),)
        write = self._formats.writer(part.spec, columns, part.is_key, part.subject, part.name)
        return write(_row(columns, given, part.alone or not part.columns))

    def shown(self, part: Part, data: bytes | None) -> Any:
        """Return the bytes of a key (without window) or value as plain JSON."""
        if data is None or part.spec.name == "NONE":
            return None
        if part.spec.name == "JSON":
            return json.loads(data, parse_float=Decimal)
        if part.spec.name == "DELIMITED":
            return data.decode()
        if part.spec.name == "AVRO":
            return from_avro(self._registry.schema_by_id(int.from_bytes(data[1:5], "big")), data)
        row = self._formats.reader(part.spec, part.columns, part.is_key)(data)
        value = row[0] if row else None
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value

    def shown_key(self, message: Message) -> tuple[Any, dict[str, Any] | None]:
        """Return a record's key as plain JSON, and its window."""
        window = self.source.window if self.source else None
        if window is None or message.key is None:
            return self.shown(self.key, message.key), None
        plain, start, end = windowed_reader(lambda data: (data,), window)(message.key) or (None, 0, 0)
        return self.shown(self.key, plain), {"start": start, "end": end, "type": _window_type(window)}


def _window_type(window: WindowInfo) -> str:
    return "session" if window.size is None else "time"


def _from_base64(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _row(columns: Sequence[Column], given: Any, alone: bool) -> Row:
    if alone or not isinstance(given, Mapping):
        return (json_coercion(columns[0].type)(given),)
    names = {str(name).upper(): value for name, value in given.items()}
    return tuple(json_coercion(column.type)(names.get(column.name.upper())) for column in columns)


def json_text(value: Any) -> str:
    """Return JSON text; decimals with all their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{json_text(held)}" for name, held in value.items()) + "}"
    return "[" + ",".join(map(json_text, value)) + "]" if isinstance(value, list) else json.dumps(value)
