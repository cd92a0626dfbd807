"""The optional fields that later versions of a schema brought to the lakehouse, beyond the project's own files.

Whoever reads bronze's records notes them beside its checkpoint; whoever checks its books reads them there.
"""

import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
FILE = "added_fields.json"


def read_added_fields(folder: Path) -> dict[str, list[Schema]]:
    """The Avro fields that were added to each topic's schema, by the topic's name, as noted in `folder`."""
    file = folder / FILE
    found: dict[str, list[Schema]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def with_added_fields(schema: Schema, added: list[Schema]) -> Schema:
    """The schema with those of the fields that it has not taken over itself."""
    names = {field["name"].lower() for field in schema["fields"]}
    return {**schema, "fields": [*schema["fields"], *(each for each in added if each["name"].lower() not in names)]}
