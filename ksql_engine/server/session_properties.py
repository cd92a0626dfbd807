"""What a session may set: properties of ksqlDB, and of Kafka's clients and Kafka Streams with or without a prefix.

Most of the latter are of no effect here, as there are no such clients; as in ksqlDB they are taken where they exist
and their value can be one. What does not exist, or cannot be changed by a session, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ksql_engine.errors import BadRequestError, StatementError
from ksql_engine.server import property_names as names

STREAMS_PREFIX: Final = "ksql.streams."
_BITS: Final = {"SHORT": 15, "INT": 31, "LONG": 63}
_ALWAYS_DENIED: Final = "ksql.service.id"
_DENY_LIST: Final = "ksql.properties.overrides.denylist"


class PropertyError(StatementError):
    """Raised when a session may not set a property, or not to this value."""


class UnknownPropertyError(PropertyError):
    """Raised when there is no such property."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'")


@dataclass(frozen=True)
class Property:
    """A property that exists; `name` is without prefixes, `kind` None where any value will do."""

    name: str
    kind: str | None = None
    least: int | None = None

    def check(self, value: str) -> None:
        """Raise PropertyError for a value that cannot be one."""
        problem = self._problem(value.strip())
        if problem is not None:
            raise PropertyError(f"Invalid value {value} for configuration {self.name}: {problem}")

    def _problem(self, value: str) -> str | None:
        if self.kind == "BOOLEAN":
            return None if value.lower() in ("true", "false") else "Expected value to be either true or false"
        if self.kind in _BITS:
            return self._number_problem(value, self.kind)
        choices = names.CHOICES.get(self.name)
        if choices is None or value in choices.split(", "):
            return None
        return f"String must be one of: {choices}"

    def _number_problem(self, value: str, kind: str) -> str | None:
        limit = 2 ** _BITS[kind]
        digits = value.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and -limit <= int(value) < limit):
            return f"Not a number of type {kind}"
        if self.least is not None and int(value) < self.least:
            return f"Value must be at least {self.least}"
        return None


def _defined(definition: Mapping[str, str]) -> dict[str, Property]:
    found = {}
    for kind, listed in definition.items():
        for one in listed.split():
            name, _, least = one.partition(">=")
            found[name] = Property(name, kind, int(least) if least else None)
    return found


_KSQL: Final = _defined(names.KSQL)
_REQUEST: Final = _defined(names.REQUEST)
_CLIENTS: Final = (
    ("consumer.", _defined(names.CONSUMER)),
    ("producer.", _defined(names.PRODUCER)),
    ("", _defined(names.CONSUMER)),
    ("", _defined(names.PRODUCER)),
    ("", _defined(names.STREAMS)),
)
_TOPIC: Final = frozenset(names.TOPIC.split())


def resolve(name: str) -> Property | None:
    """Return the property of this name, or None when there is none."""
    if name.startswith("request.ksql."):
        return _REQUEST.get(name)
    if name.startswith("ksql.") and not name.startswith(STREAMS_PREFIX):
        return Property(name) if name.startswith("ksql.functions.") else _KSQL.get(name)
    key = name.removeprefix(STREAMS_PREFIX)
    for prefix, defined in _CLIENTS:
        plain = key.removeprefix(prefix)
        if key.startswith(prefix) and plain in defined:
            return defined[plain]
    if key in names.INTERNAL or (key.startswith("topic.") and key.removeprefix("topic.") in _TOPIC):
        return Property(key)
    return None


def check_override(name: str, value: str) -> None:
    """Raise PropertyError when a session cannot set a property to `value`."""
    found = resolve(name)
    if found is None:
        raise UnknownPropertyError(name)
    found.check(value)
    if found.name in names.IMMUTABLE:
        raise PropertyError(f"Cannot override property '{found.name}'")
    if found.name == "auto.offset.reset" and value == "none":
        raise PropertyError("'none' is not valid for this property within KSQL")


def check_allowed(given: Iterable[str], server: Mapping[str, str]) -> None:
    """Raise PropertyError when the server denies one of the properties to sessions."""
    listed = {one.strip() for one in server.get(_DENY_LIST, "").split(",")}
    denied = [name for name in given if name in listed or name == _ALWAYS_DENIED]
    if denied:
        raise PropertyError(
            f"One or more properties overrides set locally are prohibited by the KSQL server (use UNSET to reset "
            f"their default value): [{', '.join(denied)}]"
        )


def request_properties(given: Mapping[str, Any], server: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a request as text, without those that are null. Raises BadRequestError."""
    texts = {name: _text(value) for name, value in given.items() if value is not None}
    for name, value in texts.items():
        try:
            check_override(name, value)
        except PropertyError as error:
            raise BadRequestError(f"Failed to set '{name}' to '{value}'\nCaused by: {error}") from error
    try:
        check_allowed(texts, server)
    except PropertyError as error:
        raise BadRequestError(str(error)) from error
    return texts


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def check_set(name: str, value: str | None, server: Mapping[str, str]) -> None:
    """Raise StatementError when SET, or UNSET where `value` is None, cannot be done."""
    if resolve(name) is None:
        raise StatementError(f"Unknown property: {name}")
    if value is not None:
        check_allowed([name], server)
        check_override(name, value)


def plain_properties(given: Mapping[str, str]) -> dict[str, str]:
    """Return properties by the names the engine asks for; of several the last one counts."""
    return {plain_name(name): value for name, value in given.items()}


def plain_name(name: str) -> str:
    """Return a property's name as the engine asks for it: without the prefixes that say whose it is."""
    return name.removeprefix(STREAMS_PREFIX).removeprefix("consumer.").removeprefix("producer.")
