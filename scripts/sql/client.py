"""The REST API of a ksqlDB server, with answers read line by line as they come."""

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_CONTENT = "application/vnd.ksql.v1+json"
_TIMEOUT_S = 30.0


class SqlError(Exception):
    """Raised when the server refuses a statement or does not answer; the message is for the user."""


@dataclass
class Session:
    """What SET and DEFINE have given; it goes along with every request."""

    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


class Server:
    """A ksqlDB server at a URL; a user and password in it are sent as HTTP Basic authentication."""

    def __init__(self, url: str) -> None:
        """Use `url`, http or https."""
        parts = urlsplit(url if "//" in url else f"http://{url}")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 8088
        self._headers = {"Content-Type": _CONTENT, "Accept": f"{_CONTENT}, application/json"}
        if parts.username:
            given = f"{parts.username}:{parts.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(given).decode()}"

    def info(self) -> dict[str, Any]:
        """Return what the server says of itself. Raises SqlError."""
        found: dict[str, Any] = json.loads(self._request("GET", "/info", None).read()).get("KsqlServerInfo", {})
        return found

    def execute(self, statement: str, session: Session) -> list[dict[str, Any]]:
        """Run a statement and return its entities. Raises SqlError."""
        answer = self._request("POST", "/ksql", _body(statement, session))
        found: list[dict[str, Any]] = json.loads(answer.read() or b"[]")
        return found

    def stream(self, statement: str, session: Session) -> Iterator[dict[str, Any] | str]:
        """Yield the parts of a query's answer as they come: objects of rows, lines of PRINT. Raises SqlError.

        Closing the iterator ends the query.
        """
        answer = self._request("POST", "/query", _body(statement, session), timeout=None)
        try:
            while line := answer.readline():
                part = parsed_line(line.decode("utf-8", "replace"))
                if part is not None:
                    yield part
        except (OSError, http.client.HTTPException) as error:
            raise SqlError(f"The connection was lost: {error}") from error
        finally:
            answer.close()

    def _request(
        self, method: str, path: str, body: bytes | None, timeout: float | None = _TIMEOUT_S
    ) -> http.client.HTTPResponse:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout)
        try:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise SqlError(f"No answer from {self._host}:{self._port}: {error}") from error
        if answer.status >= 400:
            raise SqlError(_message(answer))
        return answer


def _body(statement: str, session: Session) -> bytes:
    return json.dumps(
        {"ksql": statement, "streamsProperties": session.properties, "sessionVariables": session.variables}
    ).encode()


def _message(answer: http.client.HTTPResponse) -> str:
    text = answer.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status}: {text[:500]}"


def parsed_line(line: str) -> dict[str, Any] | str | None:
    """Return a line of a query's answer: one item of the JSON array it belongs to, else text; None for nothing."""
    plain = line.strip().removeprefix("[").strip()
    for ending in ("", "]", ","):
        try:
            found = json.loads(plain.removesuffix(ending).strip() if ending else plain)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None if plain.strip("[], ") == "" else line.rstrip("\n")
