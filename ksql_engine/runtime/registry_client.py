"""The schema registry over HTTP. "No such schema" and "no answer" are different errors: only the first is final."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from ksql_engine.errors import RegistryUnavailableError, SchemaNotFoundError, StatementError
from ksql_engine.formats.base import RegisteredSchema

_TIMEOUT: Final = 5.0
_FORGET_MISSING: Final = 10.0
_MAX_MISSING: Final = 1000


class RegistryClient:
    """Schemas by id, kept for good once known; an unknown id is asked for again after some seconds."""

    def __init__(self, url: str) -> None:
        """Talk to the Confluent-compatible API at `url`."""
        self._url = url.rstrip("/")
        self._schemas: dict[int, Any] = {}
        self._missing: dict[int, float] = {}
        self._lock = threading.Lock()

    def schema_by_id(self, schema_id: int) -> Any:
        """Return the parsed schema. Raises SchemaNotFoundError or RegistryUnavailableError."""
        with self._lock:
            if schema_id in self._schemas:
                return self._schemas[schema_id]
            if time.monotonic() < self._missing.get(schema_id, 0.0):
                raise SchemaNotFoundError(f"Schema {schema_id} not found")
        try:
            answer = self._request("GET", f"/schemas/ids/{schema_id}")
            if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
                raise SchemaNotFoundError(f"Schema {schema_id} is not a self-contained Avro schema")
            schema = json.loads(answer["schema"])
        except SchemaNotFoundError:
            self._note_missing(schema_id)
            raise
        with self._lock:
            self._schemas[schema_id] = schema
        return schema

    def _note_missing(self, schema_id: int) -> None:
        with self._lock:
            if len(self._missing) >= _MAX_MISSING:
                self._missing.clear()
            self._missing[schema_id] = time.monotonic() + _FORGET_MISSING

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the newest schema of a subject, or None. Raises RegistryUnavailableError."""
        try:
            answer = self._request("GET", f"/subjects/{urllib.parse.quote(subject, safe='')}/versions/latest")
        except SchemaNotFoundError:
            return None
        if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
            return None
        return RegisteredSchema(int(answer["id"]), json.loads(answer["schema"]))

    def ids(self, subject: str) -> list[int]:
        """Return the ids of a subject's schemas, the oldest first. Raises RegistryUnavailableError."""
        path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        try:
            return [int(self._request("GET", f"{path}/{version}")["id"]) for version in self._request("GET", path)]
        except SchemaNotFoundError:
            return []

    def register(self, subject: str, schema: dict[str, Any] | str) -> int:
        """Register a schema and return its id. Raises StatementError when the registry refuses it."""
        path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        try:
            return int(self._request("POST", path, {"schema": json.dumps(schema)})["id"])
        except SchemaNotFoundError as error:
            raise StatementError(f"Could not register schema for topic: {error}") from error

    def delete(self, subject: str) -> None:
        """Delete a subject if it is there."""
        try:
            self._request("DELETE", f"/subjects/{urllib.parse.quote(subject, safe='')}")
        except SchemaNotFoundError:
            return

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is a setting, not input
            self._url + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _refusal(error, path) from error
        except (OSError, ValueError) as error:
            raise RegistryUnavailableError(f"The schema registry at {self._url} does not answer: {error}") from error


def _refusal(error: urllib.error.HTTPError, path: str) -> Exception:
    """Return what an HTTP error means: 4xx is an answer, 5xx and "slow down" are not."""
    detail = error.read(4096).decode("utf-8", "replace")
    if error.code >= 500 or error.code in (401, 403, 408, 429):
        return RegistryUnavailableError(f"The schema registry answered {error.code} for {path}: {detail}")
    try:
        message = json.loads(detail).get("message", detail)
    except (ValueError, AttributeError):
        message = detail
    return SchemaNotFoundError(f"{message} (HTTP {error.code})")
