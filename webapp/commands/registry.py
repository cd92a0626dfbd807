"""The few calls of the schema registry's Confluent API that the lab needs. Holds no connection."""

import json
import re
from typing import Any
from urllib.parse import quote

import requests

from contracts.model import Lab, Topic
from contracts.schemas import load_schema
from webapp.commands.errors import RegistryDown, RegistryRefused

REQUEST_TIMEOUT_S = 5.0
_HEADERS = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


def schema_text(lab: Lab, topic: Topic) -> str:
    """The topic's .avsc as it is registered and looked up: always the same text."""
    return json.dumps(load_schema(lab, topic))


class Registry:
    """A schema registry at `url`, the base of its Confluent API. May be used from many threads.

    Every call raises RegistryDown when the registry does not answer, RegistryRefused with its reason when it says no.
    """

    def __init__(self, url: str, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    def schema_id(self, subject: str, schema: str) -> int | None:
        """The id of exactly this schema under `subject`, or None when the registry does not have it."""
        try:
            found = self._call("POST", f"/subjects/{quote(subject, safe='')}", {"schema": schema})
        except RegistryRefused as refused:
            if refused.status == 404:
                return None
            raise
        return int(found["id"])

    def versions(self, subject: str) -> list[int]:
        """The versions of `subject`, none when the registry does not know it."""
        try:
            return [int(version) for version in self._call("GET", f"/subjects/{quote(subject, safe='')}/versions")]
        except RegistryRefused as refused:
            if refused.status == 404:
                return []
            raise

    def register(self, subject: str, schema: str) -> int:
        """Register `schema` as the newest of `subject` and return its id; refused when it is not compatible."""
        return int(self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": schema})["id"])

    def compatibility(self, subject: str) -> str | None:
        """The compatibility level set for `subject` itself, or None."""
        try:
            answer = self._call("GET", f"/config/{quote(subject, safe='')}")
        except RegistryRefused as refused:
            if refused.status == 404:
                return None
            raise
        level = answer.get("compatibilityLevel") or answer.get("compatibility")
        return str(level) if level else None

    def set_compatibility(self, subject: str, level: str) -> None:
        """Set the compatibility level of `subject`, e.g. "BACKWARD"."""
        self._call("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = requests.request(
                method, self.url + path, json=body, headers=_HEADERS if body else None, timeout=self._timeout_s
            )
        except requests.RequestException as error:
            raise RegistryDown(f"the schema registry at {self.url} does not answer ({type(error).__name__})") from error
        if answer.status_code >= 500:
            raise RegistryDown(f"the schema registry at {self.url} failed ({answer.status_code}): {answer.text[:500]}")
        if not answer.ok:
            raise RegistryRefused(answer.status_code, _reason(answer))
        return answer.json()


def _reason(answer: requests.Response) -> str:
    """The registry's own words, without the name of the Java class some put before them."""
    try:
        return re.sub(r"^[\w.]+Exception: ", "", str(answer.json()["message"]))
    except (ValueError, KeyError, TypeError):
        return answer.text[:500] or answer.reason
