"""Functions of time (ksqlDB reference, "Date and time"). Timestamps are ms since the epoch."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import function, overload
from ksql_engine.functions.java_time import format_time, parse_time
from ksql_engine.functions.signature import ScalarFunction

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _format(millis: int, pattern: str, zone: str = "UTC") -> str:
    moment = (_EPOCH + timedelta(milliseconds=millis)).astimezone(_zone(zone))
    return format_time(moment, pattern)


def _parse(text: str, pattern: str, zone: str = "UTC") -> int:
    moment = parse_time(text, pattern)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(zone))
    return (moment - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise EvaluationError(f"Unknown time-zone ID: {name}") from error


def _format_date(days: int, pattern: str) -> str:
    return format_time(_EPOCH + timedelta(days=days), pattern)


def _parse_date(text: str, pattern: str) -> int:
    return _parse(text, pattern) // 86_400_000


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "UNIX_TIMESTAMP",
        "The wall clock, or a TIMESTAMP, in ms since the epoch.",
        overload(" -> BIGINT", _now),
        overload("TIMESTAMP -> BIGINT", lambda value: value),
    ),
    function(
        "FROM_UNIXTIME", "Ms since the epoch as a TIMESTAMP.", overload("BIGINT -> TIMESTAMP", lambda value: value)
    ),
    function(
        "UNIX_DATE",
        "Today, or a DATE, in days since the epoch.",
        overload(" -> INTEGER", lambda: _now() // 86_400_000),
        overload("DATE -> INTEGER", lambda value: value),
    ),
    function("FROM_DAYS", "Days since the epoch as a DATE.", overload("INTEGER -> DATE", lambda value: value)),
    function(
        "TIMESTAMPTOSTRING",
        "Ms since the epoch as text in a pattern.",
        overload("BIGINT, STRING -> STRING", _format),
        overload("BIGINT, STRING, STRING -> STRING", _format),
    ),
    function(
        "STRINGTOTIMESTAMP",
        "Text in a pattern as ms since the epoch.",
        overload("STRING, STRING -> BIGINT", _parse),
        overload("STRING, STRING, STRING -> BIGINT", _parse),
    ),
    function(
        "FORMAT_TIMESTAMP",
        "A TIMESTAMP as text in a pattern.",
        overload("TIMESTAMP, STRING -> STRING", _format),
        overload("TIMESTAMP, STRING, STRING -> STRING", _format),
    ),
    function(
        "PARSE_TIMESTAMP",
        "Text in a pattern as a TIMESTAMP.",
        overload("STRING, STRING -> TIMESTAMP", _parse),
        overload("STRING, STRING, STRING -> TIMESTAMP", _parse),
    ),
    function("FORMAT_DATE", "A DATE as text in a pattern.", overload("DATE, STRING -> STRING", _format_date)),
    function("PARSE_DATE", "Text in a pattern as a DATE.", overload("STRING, STRING -> DATE", _parse_date)),
    function(
        "DATETOSTRING",
        "Days since the epoch as text in a pattern.",
        overload("INTEGER, STRING -> STRING", _format_date),
    ),
    function(
        "STRINGTODATE", "Text in a pattern as days since the epoch.", overload("STRING, STRING -> INTEGER", _parse_date)
    ),
)
