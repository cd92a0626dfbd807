"""A quarantined record as one line of JSON that a person or a program can mend, and back.

    {"replays": "topic:0:17", "reason": "…", "detail": "…", "key": "…", "value": {…}}

`key` is text, `value` the decoded fields, null where the record had none. What cannot be decoded is there as
`key_base64` or `value_base64`, for looking at: a mended line has `key` and `value`.
"""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fastavro

from scripts.replay.quarantine import Quarantined

HEADER_BYTES = 5
WriterOf = Callable[[str, int], Any]
"""Topic and schema id → parsed schema, None for an id that the registry does not know."""


@dataclass(frozen=True)
class Mended:
    """A line that was read: which record it replaces, and its new key and value."""

    replays: str
    key: str | None
    value: dict[str, Any] | None


class BadLine(ValueError):
    """Raised when a line is not a mended record; says what it lacks."""


def to_line(record: Quarantined, writer_of: WriterOf) -> str:
    """The record as a line of JSON, without a line break."""
    told = {"replays": record.place, "reason": record.reason, "detail": record.detail}
    return json.dumps(told | _key(record.key) | _value(record, writer_of), ensure_ascii=False)


def from_line(line: str) -> Mended:
    """The mended record that a line holds.

    Raises:
        BadLine: it is not one.
    """
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("replays"), str):
        raise BadLine("no object with `replays`")
    for name in ("key", "value"):
        if name not in found:
            raise BadLine(f"no `{name}`: what was not decodable has to be written anew")
    key, value = found["key"], found["value"]
    if not isinstance(key, str | None) or not isinstance(value, dict | None):
        raise BadLine("`key` is text and `value` an object, or null")
    return Mended(found["replays"], key, value)


def _key(key: bytes | None) -> dict[str, Any]:
    try:
        return {"key": None if key is None else key.decode()}
    except UnicodeDecodeError:
        return {"key_base64": base64.b64encode(key or b"").decode()}


def _value(record: Quarantined, writer_of: WriterOf) -> dict[str, Any]:
    if record.value is None:
        return {"value": None}
    fields = _avro(record, writer_of) or _json(record.value)
    return {"value": fields} if fields else {"value_base64": base64.b64encode(record.value).decode()}


def _avro(record: Quarantined, writer_of: WriterOf) -> dict[str, Any] | None:
    """The fields of a framed value that its writer's schema reads to the last byte."""
    if record.schema_id is None or (writer := writer_of(record.topic, record.schema_id)) is None:
        return None
    body = io.BytesIO((record.value or b"")[HEADER_BYTES:])
    try:
        fields = fastavro.schemaless_reader(body, writer, None)
        json.dumps(fields)
    except Exception:
        # Bytes that are no Avro fail in as many ways as there are types.
        return None
    return fields if isinstance(fields, dict) and not body.read(1) else None


def _json(value: bytes) -> dict[str, Any] | None:
    """The fields of a value that a sender wrote as JSON."""
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
