"""The schema that each topic's records are read as: the project's, and what later senders added to it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from contracts.added_fields import FILE, Schema, read_added_fields, with_added_fields
from contracts.model import Topic

Fits = Callable[[str], bool]
"""Whether the records of a schema, as JSON, can be rows of a table."""


def added_fields(reader: Schema, writer: Schema, fits: Fits) -> list[Schema]:
    """The fields that `writer`, a later version of `reader`, has beyond it, each made optional: null where not sent.

    None for a schema that cannot be read as `reader`, or is another event's. A field is left out when a table could
    not have it as a column: by `fits`, or because its name differs from a known one in case only or begins with an
    underscore.
    """
    if writer.get("type") != "record" or writer.get("name") != reader["name"]:
        return []
    written = {field["name"] for field in writer["fields"]}
    if any(field["name"] not in written and "default" not in field for field in reader["fields"]):
        return []
    names = {field["name"].lower() for field in reader["fields"]}
    found: list[Schema] = []
    for field in writer["fields"]:
        if field["name"].lower() in names or field["name"].startswith("_"):
            continue
        optional = _optional(field)
        if optional and _is_valid({**reader, "fields": [*reader["fields"], *found, optional]}, fits):
            names.add(field["name"].lower())
            found.append(optional)
    return found


def _optional(field: Schema) -> Schema | None:
    """The field as one that may be null; None for one that is never anything else."""
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    sent = [kind for kind in kinds if kind != "null"]
    return {"name": field["name"], "type": ["null", *sent], "default": None} if sent else None


def _is_valid(schema: Schema, fits: Fits) -> bool:
    """Whether every type of the schema is known, as a field may name one that only its writer defines, and fits."""
    try:
        fastavro.parse_schema(schema)
    except (SchemaParseException, UnknownType):
        return False
    return fits(json.dumps(schema))


class Readers:
    """The reader schemas of some topics. Added fields are kept in `folder`, so that a restart reads the same way."""

    def __init__(self, folder: Path, declared: Mapping[Topic, Schema]) -> None:
        self._file = folder / FILE
        self._declared = dict(declared)
        self._added = read_added_fields(folder)

    @property
    def texts(self) -> tuple[str, ...]:
        """The schemas as JSON, in the order of the topics."""
        return tuple(json.dumps(self._schema(topic)) for topic in self._declared)

    def text(self, topic: Topic) -> str:
        """The schema of one topic as JSON."""
        return json.dumps(self._schema(topic))

    def extend(self, topic: Topic, writer: str | None, fits: Fits) -> list[str]:
        """Take in what the schema `writer` (JSON, or None for one that is not Avro) adds; the names of its fields."""
        parsed = json.loads(writer) if writer else None
        found = added_fields(self._schema(topic), parsed, fits) if isinstance(parsed, dict) else []
        if found:
            self._added.setdefault(topic.name, []).extend(found)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps(self._added), "utf-8")
            part.replace(self._file)
        return [field["name"] for field in found]

    def _schema(self, topic: Topic) -> Schema:
        return with_added_fields(self._declared[topic], self._added.get(topic.name, []))
