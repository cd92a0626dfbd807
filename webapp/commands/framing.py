"""Avro values with the registry's header: a zero byte, the schema's id in four bytes, the value.

Ids are asked from the registry once per topic and kept.
"""

import json
import threading
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro

from contracts.model import Lab, Topic
from contracts.settings import Settings
from webapp.commands.errors import PublishError, RegistryDown, RegistryRefused
from webapp.commands.registry import Registry, schema_text

MAGIC_BYTE = b"\x00"


def header(schema_id: int) -> bytes:
    """The five bytes before a value written with the schema `schema_id`."""
    return MAGIC_BYTE + schema_id.to_bytes(4, "big")


class AvroFramer:
    """Writes values of the lab's Avro topics. May be used from many threads.

    Args:
        registry: where schema ids are asked for, at the first value of each topic.
        schemas: other versions than those of the project's files, by the topic's name.
    """

    def __init__(
        self,
        settings: Settings,
        lab: Lab,
        registry: Registry | None = None,
        schemas: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self._texts = {topic.name: schema_text(lab, topic) for topic in lab.with_schema()}
        self._texts |= {name: json.dumps(schema) for name, schema in (schemas or {}).items()}
        self._registry = registry or Registry(settings.registry_url)
        self._lock = threading.Lock()
        self._headers: dict[str, bytes] = {}
        self._schemas: dict[str, Any] = {
            name: fastavro.parse_schema(json.loads(text)) for name, text in self._texts.items()
        }

    def schema_id(self, topic: Topic) -> int:
        """The id under which the registry keeps our schema of `topic`.

        Raises:
            PublishError: the registry does not answer, or does not have the schema.
        """
        return int.from_bytes(self._header(topic)[1:], "big")

    def parsed_schema(self, topic: Topic) -> Any:
        """Our schema of `topic` in fastavro's form."""
        return self._schemas[topic.name]

    def frame(self, topic: Topic, value: dict[str, Any] | None) -> bytes | None:
        """`value` as the record's bytes; None stays None.

        Raises:
            PublishError: the registry does not answer or lacks the schema, or the value is not of that schema.
        """
        if value is None:
            return None
        out = BytesIO()
        out.write(self._header(topic))
        try:
            fastavro.schemaless_writer(out, self._schemas[topic.name], value)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise PublishError(f"value does not fit {topic.schema_file} of {topic.name}: {error!r}") from error
        return out.getvalue()

    def _header(self, topic: Topic) -> bytes:
        known = self._headers.get(topic.name)
        if known is not None:
            return known
        with self._lock:
            if topic.name not in self._headers:
                self._headers[topic.name] = header(self._look_up(topic))
            return self._headers[topic.name]

    def _look_up(self, topic: Topic) -> int:
        try:
            schema_id = self._registry.schema_id(topic.subject, self._texts[topic.name])
        except (RegistryDown, RegistryRefused) as error:
            raise PublishError(f"schema id of {topic.subject} unknown: {error}") from error
        if schema_id is None:
            raise PublishError(
                f"the schema registry at {self._registry.url} has no schema like {topic.schema_file} "
                f"under {topic.subject}; remedy: make schemas"
            )
        return schema_id
