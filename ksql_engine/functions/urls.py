"""Parts of URLs (ksqlDB reference, "URL functions"), as Java's URI reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import URL, function, overload
from ksql_engine.functions.signature import ScalarFunction

_URI: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?://(?:(?P<user>[^@/?#]*)@)?(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>\d*))?)?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_QUOTED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_STRAY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._")
_ILLEGAL: Final = re.compile(r"[\s<>\"{}|\\^`]|%(?![0-9A-Fa-f]{2})")


def _part(name: str) -> Callable[[str], str | None]:
    def call(url: str) -> str | None:
        return _parsed(url)[name]

    return call


def _parsed(url: str) -> re.Match[str]:
    """Return the parts of a URL. Raises EvaluationError when it is none."""
    match = _URI.fullmatch(url)
    if match is None or _ILLEGAL.search(url):
        raise EvaluationError(f"URL input has invalid syntax: {url}")
    return match


def _host(url: str) -> str | None:
    return _parsed(url)["host"] or None


def _port(url: str) -> int | None:
    text = _parsed(url)["port"]
    return int(text) if text else None


def _path(url: str) -> str | None:
    text = _parsed(url)["path"]
    return unquoted(text)


def _decoded(name: str) -> Callable[[str], str | None]:
    def call(url: str) -> str | None:
        text = _parsed(url)[name]
        return None if text is None else unquoted(text)

    return call


def _parameter(url: str, name: str) -> str | None:
    query = _parsed(url)["query"]
    for pair in (query or "").split("&"):
        key, equals, value = pair.partition("=")
        if key == name:
            return value if equals else ""
    return None


def unquoted(text: str) -> str:
    """Return `text` with its %xx as the UTF-8 they are."""
    return _QUOTED.sub(lambda match: bytes.fromhex(match.group().replace("%", "")).decode(errors="replace"), text)


def _decode(text: str) -> str:
    """Read a form's text: + is a space. Raises EvaluationError for a % that starts no byte."""
    if _STRAY.search(text):
        raise EvaluationError(f"Illegal hex characters in escape (%) pattern: {text}")
    return unquoted(text.replace("+", " "))


def _encode(text: str) -> str:
    """Write a text for a form, as Java's URLEncoder does."""
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else "+" if byte == 0x20 else f"%{byte:02X}" for byte in text.encode()
    )


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "url_extract_fragment",
        "What follows the #.",
        overload("STRING input -> STRING", _decoded("fragment")),
        category=URL,
    ),
    function("url_extract_host", "The host.", overload("STRING input -> STRING", _host), category=URL),
    function(
        "url_extract_parameter",
        "The value of a parameter of the query.",
        overload("STRING input, STRING paramToFind -> STRING", _parameter),
        category=URL,
    ),
    function("url_extract_path", "The path.", overload("STRING input -> STRING", _path), category=URL),
    function("url_extract_port", "The port.", overload("STRING input -> INTEGER", _port), category=URL),
    function(
        "url_extract_protocol", "The protocol.", overload("STRING input -> STRING", _part("scheme")), category=URL
    ),
    function(
        "url_extract_query", "What follows the ?.", overload("STRING input -> STRING", _decoded("query")), category=URL
    ),
    function(
        "url_encode_param",
        "A text as it may stand in a query.",
        overload("STRING input -> STRING", _encode),
        category=URL,
    ),
    function(
        "url_decode_param",
        "A text from a query as it was.",
        overload("STRING input -> STRING", _decode),
        category=URL,
    ),
)
