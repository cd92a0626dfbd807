"""Writer schemas by id, from the schema registry's Confluent API."""

import json
from pathlib import Path
from typing import Any

import fastavro
import requests

from contracts.added_fields import FILE, read_added_fields, with_added_fields
from contracts.marketing import MARKETING
from contracts.schemas import load_schema
from scripts.audit.classify import Codec
from scripts.audit.errors import CannotAudit

TIMEOUT_S = 10.0


class Codecs:
    """The codecs of the schema ids in use, each asked for once.

    Records are read as the lakehouse does: as the project's own schema of their subject, with the optional fields that
    bronze took in since, as its `checkpoints` say; those of a subject without a schema of ours as they were written.
    """

    def __init__(self, registry_url: str, checkpoints: Path | None = None) -> None:
        self._url = registry_url
        self._session = requests.Session()
        self._schemas: dict[int, Any] = {}
        added: dict[str, list[Any]] = {}
        for file in checkpoints.glob(f"*/{FILE}") if checkpoints else ():
            added |= read_added_fields(file.parent)
        self._readers = {
            topic.subject: with_added_fields(load_schema(MARKETING, topic), added.get(topic.name, []))
            for topic in MARKETING.with_schema()
        }
        self._codecs: dict[tuple[str, int], Codec | None] = {}

    def of(self, subject: str, schema_id: int) -> Codec | None:
        """How to read a record of `subject` written with `schema_id`; None when the registry does not know the id.

        Raises:
            CannotAudit: the registry does not answer.
        """
        known = (subject, schema_id)
        if known not in self._codecs:
            self._codecs[known] = self._load(subject, schema_id)
        return self._codecs[known]

    def _load(self, subject: str, schema_id: int) -> Codec | None:
        writer = self._schema(schema_id)
        if writer is None:
            return None
        reader = self._readers.get(subject)
        return Codec(_parse(writer)) if reader in (None, writer) else Codec(_parse(writer), _parse(reader))

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            found = self._get(f"/schemas/ids/{schema_id}") if schema_id >= 0 else None
            self._schemas[schema_id] = json.loads(found["schema"]) if found else None
        return self._schemas[schema_id]

    def _get(self, path: str) -> Any:
        """The JSON answer of the registry, None when there is no such thing (404)."""
        try:
            answer = self._session.get(self._url + path, timeout=TIMEOUT_S)
            if answer.status_code == requests.codes.not_found:
                return None
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as error:
            raise CannotAudit(f"the schema registry at {self._url} does not answer ({error})", "make up") from error


def _parse(schema: Any) -> Any:
    return fastavro.parse_schema(schema)
