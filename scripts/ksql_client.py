"""ksql-python (`KSQLAPI`) on today's Python, for ksqlDB and the embedded engine, with errors a person can use.

The package needs two modules that are gone: `hyper`, an HTTP client that no longer imports, and the standard
library's telnetlib. Small ones are put in their places before it is imported.
"""

import http.client
import json
import sys
import types
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import requests

from contracts.settings import Settings

TIMEOUT_S = 60.0


class KsqlError(Exception):
    """Raised when the server refuses a statement; `code` is ksqlDB's error code, 0 without one."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.code = code


class KsqlDown(KsqlError):
    """Raised when no server answers."""


def connect(settings: Settings, timeout_s: float = TIMEOUT_S) -> Any:
    """A `ksql.KSQLAPI` for the lab's server.

    Raises:
        KsqlDown: no ksqlDB answers at the address of the settings.
    """
    _stand_in_for_missing_modules()
    # Imported here because it imports only now; the checker finds the project's folder of SQL files instead.
    from ksql import KSQLAPI  # type: ignore[attr-defined]  # noqa: PLC0415 - see above

    try:
        return KSQLAPI(settings.ksql_url, timeout=timeout_s)
    except (requests.RequestException, OSError, ValueError, AttributeError) as error:
        raise KsqlDown(f"ksql at {settings.ksql_url} does not answer: {type(error).__name__}") from error


def execute(api: Any, sql: str, properties: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run statements and return the server's answers, one per statement that has one.

    Args:
        properties: streams properties for the statements, e.g. {"auto.offset.reset": "earliest"}.

    Raises:
        KsqlError: the server refuses, with its reason.
        KsqlDown: the server does not answer.
    """
    try:
        answers: list[dict[str, Any]] = api.ksql(sql, stream_properties=properties)
    except IndexError:
        # The client reads the first answer; SET and INSERT VALUES have none.
        return []
    except Exception as error:
        raise _readable(api, error) from error
    return answers


def query(api: Any, sql: str, properties: dict[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a query by column name. A push query ends when the caller stops iterating.

    Raises:
        KsqlError: the server refuses, or the query fails on its way.
        KsqlDown: the server does not answer.
    """
    lines = api.query(sql, stream_properties=properties)
    columns: list[str] = []
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except RuntimeError as error:
            # The client ends a finished stream with StopIteration inside a generator.
            if isinstance(error.__cause__, StopIteration):
                return
            raise
        except Exception as error:
            raise _readable(api, error) from error
        entry = _entry(line)
        if "header" in entry:
            columns = column_names(entry["header"]["schema"])
        elif "row" in entry:
            yield dict(zip(columns, entry["row"]["columns"], strict=True))
        elif "errorMessage" in entry:
            raise KsqlError(_error_text(entry["errorMessage"]))
        elif "finalMessage" in entry:
            return


def column_names(schema: str) -> list[str]:
    """The names in a schema like "`A` STRING KEY, `B` STRUCT<`C` INTEGER>", those inside of types left out."""
    names, depth, start, quoted = [], 0, 0, False
    for at, char in enumerate(schema + ","):
        if char == "`":
            quoted = not quoted
        elif quoted:
            continue
        elif char in "<(":
            depth += 1
        elif char in ">)":
            depth -= 1
        elif char == "," and depth == 0:
            field = schema[start:at].strip()
            start = at + 1
            if field:
                names.append(field[1:].split("`")[0] if field.startswith("`") else field.split()[0])
    return names


def _entry(line: str) -> dict[str, Any]:
    """One element of the JSON array that /query sends, an element per line."""
    text = line.strip().removeprefix("[").rstrip(",")
    if not text.strip("]"):
        return {}
    try:
        entry = json.loads(text)
    except ValueError:
        entry = json.loads(text.removesuffix("]"))
    return entry if isinstance(entry, dict) else {}


def _error_text(message: Any) -> str:
    return str(message.get("message", message)) if isinstance(message, dict) else str(message)


def _readable(api: Any, error: Exception) -> Exception:
    """The server's own reason out of whatever the client raised; what is not about the server stays as it is."""
    reason = getattr(error, "msg", None)
    if type(error).__name__ == "KSQLError":
        return KsqlError(str(reason), getattr(error, "error_code", None) or 0)
    if isinstance(error, URLError | OSError | http.client.HTTPException):
        return KsqlDown(f"ksql at {api.get_url()} does not answer: {error}")
    return error


class _Response:
    """What ksql-python reads of a hyper response."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status

    def read(self) -> bytes:
        return self._response.read()

    def read_chunked(self) -> Iterator[bytes]:
        return iter(self._response.readline, b"")


class _HTTPConnection:
    """What ksql-python uses of hyper's HTTPConnection, over HTTP/1.1."""

    def __init__(self, netloc: str) -> None:
        self._connection = http.client.HTTPConnection(netloc)

    def __enter__(self) -> "_HTTPConnection":
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def request(self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> None:
        self._connection.request(method, urlsplit(url).path, body, headers or {})

    def get_response(self) -> _Response:
        return _Response(self._connection.getresponse())


def _stand_in_for_missing_modules() -> None:
    hyper = types.ModuleType("hyper")
    hyper.__dict__["HTTPConnection"] = _HTTPConnection
    sys.modules.setdefault("hyper", hyper)
    if sys.version_info >= (3, 11):  # deprecated there, gone from 3.13 on
        sys.modules.setdefault("telnetlib", types.ModuleType("telnetlib"))
