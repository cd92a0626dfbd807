"""The project's Avro schemas: `schemas/<lab>/*.avsc`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from contracts.errors import ContractError
from contracts.model import Lab, Topic
from contracts.settings import PROJECT_DIR

SCHEMAS_DIR = PROJECT_DIR / "schemas"


def schema_path(lab: Lab, topic: Topic) -> Path:
    """The file that holds the schema of `topic`'s values.

    Raises:
        ContractError: the topic has no schema file of ours.
    """
    if topic.schema_file is None:
        raise ContractError(f"topic {topic.name} has no .avsc: its schema belongs to {topic.writers[0].value}")
    return SCHEMAS_DIR / lab.name / topic.schema_file


@cache
def load_schema(lab: Lab, topic: Topic) -> dict[str, Any]:
    """The schema of `topic`'s values, as parsed JSON.

    Raises:
        ContractError: there is no such file, or it is not JSON.
    """
    path = schema_path(lab, topic)
    try:
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(f"schema {path.name} of topic {topic.name} cannot be read: {error}") from error
    return schema
