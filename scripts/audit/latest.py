"""The row that counts of each key of a view's topic."""

import json
from collections.abc import Callable
from typing import Any

from contracts.model import Format, Topic
from scripts.audit.check_views import Latest
from scripts.audit.classify import Codec, decode
from scripts.audit.topics import Spans, Topics


def read_latest(topics: Topics, topic: Topic, spans: Spans, *, by_version: bool = False) -> dict[str, Latest]:
    """The last row of each key; a null value deletes it.

    With `by_version`, a row that is older by its `version` than the one before it does not count.
    """
    found: dict[str, Latest] = {}
    for partition, offset, _timestamp_ms, key, value in topics.read(topic.name, spans):
        if key is None:
            continue
        row_id = key.decode("utf-8", "replace")
        if value is None:
            found.pop(row_id, None)
            continue
        newest = Latest(partition, offset, value)
        before = found.get(row_id)
        if before is not None and by_version and _version(value) < _version(before.value):
            continue
        found[row_id] = newest
    return found


def row_decoder(topic: Topic, codec_of: Callable[[str, int], Codec | None]) -> Callable[[bytes], dict[str, Any]]:
    """How the values of `topic` are read. A value that cannot be read is {}."""

    def of_json(value: bytes) -> dict[str, Any]:
        try:
            row = json.loads(value)
        except ValueError:
            return {}
        return row if isinstance(row, dict) else {}

    def of_avro(value: bytes) -> dict[str, Any]:
        codec = codec_of(topic.subject, int.from_bytes(value[1:5], "big", signed=True))
        return {} if codec is None else decode(value, Codec(codec.writer))

    return of_json if topic.format is Format.JSON else of_avro


def _version(value: bytes) -> int:
    version = json.loads(value).get("version")
    return version if isinstance(version, int) else -1
