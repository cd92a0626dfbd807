"""The settings that change what a statement means: a server's configuration with a session's SET on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ksql_engine.errors import StatementError

Config = Mapping[str, Any]
"""Properties by name; a name may carry the prefix `ksql.streams.`."""

NO_CONFIG: Final[Config] = {}
AT_LEAST_ONCE: Final = "at_least_once"
EXACTLY_ONCE: Final = "exactly_once_v2"
GUARANTEES: Final = (AT_LEAST_ONCE, EXACTLY_ONCE)


def text(config: Config, name: str, default: str) -> str:
    """Return a property as text, or `default` where it is not set or empty."""
    value = config.get(name)
    return default if value is None or value == "" else str(value)


def flag(config: Config, name: str, default: bool) -> bool:
    """Return a property as a truth value, or `default` where it is not set."""
    value = config.get(name)
    return default if value is None else str(value).lower() == "true"


def default_key_format(config: Config) -> str:
    """Return the format of keys whose statement names none."""
    return text(config, "ksql.persistence.default.format.key", "KAFKA").upper()


def default_value_format(config: Config) -> str | None:
    """Return the format of values whose statement names none, or None: it has to name one."""
    return text(config, "ksql.persistence.default.format.value", "").upper() or None


def wraps_single_values(config: Config) -> bool:
    """Tell whether a single value column stands in a record when the statement does not say."""
    return flag(config, "ksql.persistence.wrap.single.values", True)


def topic_prefix(config: Config) -> str:
    """Return what the topic of a CREATE .. AS SELECT without KAFKA_TOPIC begins with."""
    return text(config, "ksql.output.topic.name.prefix", "")


def stops_at_invalid_time(config: Config) -> bool:
    """Tell whether a record whose TIMESTAMP column holds no time stops its query, instead of being left out."""
    return flag(config, "ksql.timestamp.throw.on.invalid", False)


def guarantee(config: Config) -> str:
    """Return how often a record takes effect on a query's sink: at_least_once or exactly_once_v2.

    Raises StatementError for anything else.
    """
    given = text(config, "processing.guarantee", AT_LEAST_ONCE)
    if given not in GUARANTEES:
        raise StatementError(
            f"Invalid value {given} for configuration processing.guarantee: String must be one of: "
            f"{', '.join(GUARANTEES)}"
        )
    return given


def exactly_once(config: Config) -> bool:
    """Tell whether a record takes effect on a query's sink exactly once. Raises StatementError as `guarantee`."""
    return guarantee(config) == EXACTLY_ONCE


def stops_at_unreadable(config: Config) -> bool:
    """Tell whether a record that cannot be read stops its query, instead of being left out."""
    return flag(config, "ksql.fail.on.deserialization.error", False)
