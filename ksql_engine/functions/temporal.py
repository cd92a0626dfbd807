"""Functions of time (ksqlDB reference, "Date and time"). TIMESTAMP is ms of the epoch, DATE days, TIME ms of a day."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import DATE_TIME, function, overload
from ksql_engine.functions.java_time import format_time, letters_of, parse_start, parse_time, zone_of
from ksql_engine.functions.signature import Overload, ScalarFunction

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY: Final = 86_400_000
_CLOCK_LETTERS: Final = frozenset("HhKkmsSAanNXxZzVO")
_DATE_LETTERS: Final = frozenset("GuyYDMLdQqwEecFXxZzVO")
_UNITS: Final = {
    "MILLISECOND": 1,
    "SECOND": 1000,
    "MINUTE": 60_000,
    "HOUR": 3_600_000,
    "DAY": _DAY,
}


def _now() -> int:
    return time.time_ns() // 1_000_000


def _moment(millis: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError as error:
        raise EvaluationError(f"{millis} is not within the years 1 to 9999") from error


def _format(millis: int, pattern: str, zone: str = "UTC") -> str:
    return format_time(_moment(millis).astimezone(zone_of(zone)), pattern)


def _parse(text: str, pattern: str, zone: str = "UTC") -> int:
    moment = parse_time(text, pattern)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(zone))
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _only(pattern: str, unsupported: frozenset[str]) -> None:
    wrong = letters_of(pattern) & unsupported
    if wrong:
        raise EvaluationError(f"Unsupported field: {', '.join(sorted(wrong))}")


def _format_date(days: int, pattern: str) -> str:
    _only(pattern, _CLOCK_LETTERS)
    return format_time(_moment(days * _DAY), pattern)


def _parse_date(text: str, pattern: str) -> int:
    return (parse_time(text, pattern).replace(tzinfo=timezone.utc) - _EPOCH).days


def _parse_day(text: str, pattern: str) -> int:
    """Read a DATE from the start of a text. Raises EvaluationError when the text says a time of day."""
    moment = parse_start(text, pattern).replace(tzinfo=timezone.utc)
    if (moment - _EPOCH) % timedelta(days=1):
        raise EvaluationError("Date format contains time field.")
    return (moment - _EPOCH).days


def _format_clock(millis: int, pattern: str) -> str:
    _only(pattern, _DATE_LETTERS)
    return format_time(_moment(millis), pattern)


def _parse_clock(text: str, pattern: str) -> int:
    moment = parse_time(text, pattern)
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000


def _convert_zone(millis: int, source: str, target: str) -> int:
    """Move a time by the difference of two zones at that moment."""
    moment = _moment(millis)
    offsets = [moment.astimezone(zone_of(zone)).utcoffset() or timedelta() for zone in (source, target)]
    return millis + (offsets[1] - offsets[0]) // timedelta(milliseconds=1)


def _millis(unit: str, count: int) -> int:
    size = _UNITS.get(unit.removesuffix("S"))
    if size is None:
        raise EvaluationError(f"{unit} is not a unit of fixed length")
    return count * size


def _add_date(unit: str, count: int, days: int) -> int:
    """Add whole days; a part of a day counts nothing."""
    millis = _millis(unit, count)
    return days + (millis // _DAY if millis >= 0 else -(-millis // _DAY))


def _add_time(unit: str, count: int, millis: int) -> int:
    return (millis + _millis(unit, count)) % _DAY


def _add_timestamp(unit: str, count: int, millis: int) -> int:
    return millis + _millis(unit, count)


def _shift(kind: str, add: Callable[[str, int, int], int], sign: int) -> Overload:
    """An overload that moves a time by so many units."""

    def call(unit: str, count: int, moment: int) -> int:
        return add(unit, sign * count, moment)

    return overload(f"INTERVALUNIT unit, INTEGER interval, {kind} {kind.lower()} -> {kind}", call)


def _zoned(source: str, target: str, call: Callable[..., object]) -> tuple[Overload, ...]:
    """Overloads with a pattern, and with a pattern and a time zone."""
    first = f"{source}, STRING formatPattern"
    return (overload(f"{first} -> {target}", call), overload(f"{first}, STRING timeZone -> {target}", call))


def _patterned(name: str, text: str, signature: str, call: Callable[..., object]) -> ScalarFunction:
    return function(name, text, overload(signature, call), category=DATE_TIME)


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "unix_timestamp",
        "The wall clock, or a TIMESTAMP, in ms since the epoch.",
        overload("-> BIGINT", _now),
        overload("TIMESTAMP timestamp -> BIGINT", lambda value: value),
        category=DATE_TIME,
    ),
    _patterned(
        "from_unixtime", "Ms since the epoch as a TIMESTAMP.", "BIGINT epochMilli -> TIMESTAMP", lambda value: value
    ),
    function(
        "unix_date",
        "Today, or a DATE, in days since the epoch.",
        overload("-> INTEGER", lambda: _now() // _DAY),
        overload("DATE date -> INTEGER", lambda value: value),
        category=DATE_TIME,
    ),
    _patterned("from_days", "Days since the epoch as a DATE.", "INTEGER days -> DATE", lambda value: value),
    function(
        "timestamptostring",
        "Ms since the epoch as text in a pattern.",
        *_zoned("BIGINT epochMilli", "STRING", _format),
        category=DATE_TIME,
    ),
    function(
        "stringtotimestamp",
        "Text in a pattern as ms since the epoch.",
        *_zoned("STRING formattedTimestamp", "BIGINT", _parse),
        category=DATE_TIME,
    ),
    function(
        "format_timestamp",
        "A TIMESTAMP as text in a pattern.",
        *_zoned("TIMESTAMP timestamp", "STRING", _format),
        category=DATE_TIME,
    ),
    function(
        "parse_timestamp",
        "Text in a pattern as a TIMESTAMP.",
        *_zoned("STRING formattedTimestamp", "TIMESTAMP", _parse),
        category=DATE_TIME,
    ),
    _patterned(
        "format_date", "A DATE as text in a pattern.", "DATE date, STRING formatPattern -> STRING", _format_date
    ),
    _patterned(
        "parse_date", "Text in a pattern as a DATE.", "STRING formattedDate, STRING formatPattern -> DATE", _parse_day
    ),
    _patterned(
        "format_time", "A TIME as text in a pattern.", "TIME time, STRING formatPattern -> STRING", _format_clock
    ),
    _patterned(
        "parse_time", "Text in a pattern as a TIME.", "STRING formattedTime, STRING formatPattern -> TIME", _parse_clock
    ),
    _patterned(
        "datetostring",
        "Days since the epoch as text in a pattern.",
        "INTEGER epochDays, STRING formatPattern -> STRING",
        _format_date,
    ),
    _patterned(
        "stringtodate",
        "Text in a pattern as days since the epoch.",
        "STRING formattedDate, STRING formatPattern -> INTEGER",
        _parse_date,
    ),
    _patterned(
        "convert_tz",
        "A TIMESTAMP moved from one time zone to another.",
        "TIMESTAMP timestamp, STRING fromTimeZone, STRING toTimeZone -> TIMESTAMP",
        _convert_zone,
    ),
    function("timestampadd", "A later TIMESTAMP.", _shift("TIMESTAMP", _add_timestamp, 1), category=DATE_TIME),
    function("timestampsub", "An earlier TIMESTAMP.", _shift("TIMESTAMP", _add_timestamp, -1), category=DATE_TIME),
    function("dateadd", "A later DATE.", _shift("DATE", _add_date, 1), category=DATE_TIME),
    function("datesub", "An earlier DATE.", _shift("DATE", _add_date, -1), category=DATE_TIME),
    function("timeadd", "A later TIME, past midnight from 0 on.", _shift("TIME", _add_time, 1), category=DATE_TIME),
    function(
        "timesub", "An earlier TIME, past midnight from 24:00.", _shift("TIME", _add_time, -1), category=DATE_TIME
    ),
)
