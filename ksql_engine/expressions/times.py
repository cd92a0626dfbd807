"""Dates and times as ISO text. A TIMESTAMP is ms since the epoch in UTC, a DATE days, a TIME ms of the day."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ksql_engine.errors import EvaluationError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PATTERN = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2}|UTC)?)?)?)?"
)
_TIME = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?")


def timestamp_of(text: str) -> int:
    """Return the ms since the epoch of an ISO text; missing parts are the earliest, no zone is UTC, 24:00 ends a day.

    Raises EvaluationError when `text` is not such a time.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise EvaluationError(f"Failed to parse timestamp '{text}'")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    midnight = hour == "24" and not any(int(part or 0) for part in (minute, second, fraction))
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            0 if midnight else int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone.utc,
        )
    except ValueError as error:
        raise EvaluationError(f"Failed to parse timestamp '{text}': {error}") from error
    moment += timedelta(days=int(midnight))
    millis = int((fraction or "0").ljust(3, "0")[:3])
    return int((moment - _EPOCH) / timedelta(milliseconds=1)) + millis - _zone_millis(zone)


def _zone_millis(zone: str | None) -> int:
    if zone is None or zone in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "")
    millis = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000
    return -millis if zone[0] == "-" else millis


def date_of(text: str) -> int:
    """Return the days since the epoch of `yyyy-MM-dd`. Raises EvaluationError."""
    return timestamp_of(text) // 86_400_000


def time_of(text: str) -> int:
    """Return the ms of the day of `HH:mm[:ss[.SSS]]`. Raises EvaluationError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise EvaluationError(f"Failed to parse time '{text}'")
    hour, minute, second, fraction = match.groups()
    millis = int((fraction or "0").ljust(3, "0")[:3])
    return ((int(hour) * 60 + int(minute or 0)) * 60 + int(second or 0)) * 1000 + millis


def moment_of(millis: int) -> datetime:
    """Return the UTC datetime of ms since the epoch."""
    return _EPOCH + timedelta(milliseconds=millis)


def timestamp_text(millis: int) -> str:
    """Return `yyyy-MM-ddTHH:mm:ss.SSS` in UTC."""
    moment = moment_of(millis)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{millis % 1000:03d}"


def date_text(days: int) -> str:
    """Return `yyyy-MM-dd`."""
    return f"{moment_of(days * 86_400_000):%Y-%m-%d}"


def time_text(millis: int) -> str:
    """Return `HH:mm`, with seconds and ms only where they are not zero."""
    seconds, rest = divmod(millis, 1000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    if seconds % 60 or rest:
        text += f":{seconds % 60:02d}"
    return text + (f".{rest:03d}" if rest else "")
