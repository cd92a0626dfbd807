"""Writer schemas by id, from the schema registry's Confluent API."""

import json
from typing import Any

import fastavro
import requests

from scripts.audit.classify import Codec
from scripts.audit.errors import CannotAudit

TIMEOUT_S = 10.0


class Codecs:
    """The codecs of the schema ids in use, each asked for once. `subject` names the schema that readers expect."""

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url
        self._session = requests.Session()
        self._schemas: dict[int, Any] = {}
        self._readers: dict[str, tuple[int, Any]] = {}
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
        if subject not in self._readers:
            latest = self._get(f"/subjects/{subject}/versions/latest")
            if latest is None:
                return Codec(writer)
            self._readers[subject] = latest["id"], _parse(latest["schema"])
        reader_id, reader = self._readers[subject]
        return Codec(writer) if schema_id == reader_id else Codec(writer, reader)

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            found = self._get(f"/schemas/ids/{schema_id}") if schema_id >= 0 else None
            self._schemas[schema_id] = _parse(found["schema"]) if found else None
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


def _parse(text: str) -> Any:
    return fastavro.parse_schema(json.loads(text))
