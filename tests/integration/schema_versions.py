"""A second version of each event's schema, as a later sender has it: one optional field more, in the middle."""

import json
from typing import Any

from contracts.marketing import MARKETING
from contracts.model import Topic
from contracts.schemas import load_schema
from contracts.settings import Settings
from webapp.commands.framing import AvroFramer
from webapp.commands.registry import Registry

NEW_FIELD = "campaign"


def later_schema(topic: Topic, name: str = NEW_FIELD, kind: Any = "string") -> dict[str, Any]:
    """The project's schema of `topic` with one optional field more."""
    schema: dict[str, Any] = json.loads(json.dumps(load_schema(MARKETING, topic)))
    schema["fields"].insert(2, {"name": name, "type": ["null", kind], "default": None})
    return schema


def register(settings: Settings, topic: Topic, schema: dict[str, Any]) -> int:
    """Register `schema` as the newest version of the topic's subject; its id."""
    return Registry(settings.registry_url).register(topic.subject, json.dumps(schema))


class LaterFramer(AvroFramer):
    """Frames with the second version of each schema; its new field is always sent."""

    def __init__(self, settings: Settings) -> None:
        schemas = {topic.name: later_schema(topic) for topic in MARKETING.with_schema()}
        for topic in MARKETING.with_schema():
            register(settings, topic, schemas[topic.name])
        super().__init__(settings, MARKETING, schemas=schemas)

    def frame(self, topic: Topic, value: dict[str, Any] | None) -> bytes | None:
        """See AvroFramer."""
        return super().frame(topic, value and {**value, NEW_FIELD: f"with {value['event_id']}"})
