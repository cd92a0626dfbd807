"""A framer whose registry is a table: nothing here needs a service."""

import pytest

from contracts.marketing import MARKETING
from contracts.settings import Settings
from webapp.commands.framing import AvroFramer
from webapp.commands.registry import Registry


class TableRegistry(Registry):
    """Knows the lab's subjects by ids that count from 1."""

    def __init__(self) -> None:
        super().__init__("http://nowhere.invalid")
        self.asked: list[str] = []
        self._ids = {topic.subject: number for number, topic in enumerate(MARKETING.with_schema(), 1)}

    def schema_id(self, subject: str, schema: str) -> int | None:
        self.asked.append(subject)
        return self._ids[subject]


@pytest.fixture
def framer() -> AvroFramer:
    return AvroFramer(Settings(), MARKETING, TableRegistry())
