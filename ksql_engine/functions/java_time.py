"""Times as text in Java's DateTimeFormatter patterns: letters yMdHhmsSaEzXZ and quoted text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ksql_engine.errors import EvaluationError

_PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@lru_cache(maxsize=128)
def _pieces(pattern: str) -> tuple[tuple[str, str], ...]:
    """Split a pattern into (letters, "") and ("", literal text)."""
    found: list[tuple[str, str]] = []
    for match in _PIECE.finditer(pattern):
        whole = match.group()
        if whole.startswith("'"):
            found.append(("", "'" if whole == "''" else match.group(1).replace("''", "'")))
        else:
            found.append((whole, "") if whole[0].isalpha() else ("", whole))
    return tuple(found)


def format_time(moment: datetime, pattern: str) -> str:
    """Return `moment` in `pattern`. Raises EvaluationError for a letter that is not known."""
    return "".join(text or _write(letters, moment) for letters, text in _pieces(pattern))


def _write(letters: str, moment: datetime) -> str:
    letter, width = letters[0], len(letters)
    if letter in "yu":
        return f"{moment.year % 100:02d}" if width == 2 else f"{moment.year:0{width}d}"
    if letter == "E" or (letter in "ML" and width >= 3):
        name = _DAYS[moment.weekday()] if letter == "E" else _MONTHS[moment.month - 1]
        return name if width >= 4 else name[:3]
    if letter == "S":
        return f"{moment.microsecond * 1000:09d}"[:width]
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter in "XxZz":
        return _offset(letter, width, moment)
    numbers = {
        "M": moment.month,
        "L": moment.month,
        "d": moment.day,
        "H": moment.hour,
        "h": (moment.hour + 11) % 12 + 1,
        "m": moment.minute,
        "s": moment.second,
        "D": moment.timetuple().tm_yday,
    }
    if letter not in numbers:
        raise EvaluationError(f"Unknown pattern letter: {letter}")
    return f"{numbers[letter]:0{width}d}"


def _offset(letter: str, width: int, moment: datetime) -> str:
    if letter == "z":
        return moment.tzname() or "UTC"
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    if letter == "X" and minutes == 0:
        return "Z"
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    colon = ":" if letter in "Xx" and width in (3, 5) else ""
    short = letter in "Xx" and width == 1 and minutes % 60 == 0
    return f"{sign}{minutes // 60:02d}" + ("" if short else f"{colon}{minutes % 60:02d}")


def parse_time(text: str, pattern: str) -> datetime:
    """Return the time that `text` says in `pattern`; without a zone when it has none. Raises EvaluationError."""
    match = _reader(pattern).fullmatch(text)
    if match is None:
        raise EvaluationError(f"Failed to parse '{text}' with pattern '{pattern}'")
    parts = match.groupdict()
    try:
        moment = datetime(
            _year(parts.get("y")),
            _month(parts.get("M")),
            int(parts.get("d") or 1),
            _hour(parts),
            int(parts.get("m") or 0),
            int(parts.get("s") or 0),
            int((parts.get("S") or "0").ljust(6, "0")[:6]),
        )
    except ValueError as error:
        raise EvaluationError(f"Failed to parse '{text}' with pattern '{pattern}': {error}") from error
    zone = parts.get("X")
    return moment.replace(tzinfo=_zone(zone)) if zone else moment


@lru_cache(maxsize=128)
def _reader(pattern: str) -> re.Pattern[str]:
    out: list[str] = []
    for letters, text in _pieces(pattern):
        out.append(_read(letters) if letters else re.escape(text))
    return re.compile("".join(out), re.IGNORECASE)


def _read(letters: str) -> str:
    letter, width = letters[0], len(letters)
    if letter in "ML" and width >= 3:
        return "(?P<M>[A-Za-z]+)"
    if letter == "E":
        return "[A-Za-z]+"
    if letter == "a":
        return "(?P<a>AM|PM)"
    if letter in "XxZ":
        return r"(?P<X>Z|[+-]\d{2}(?::?\d{2})?)"
    name = {"u": "y", "L": "M"}.get(letter, letter)
    if name not in "yMdHhmsS":
        raise EvaluationError(f"Unknown pattern letter: {letter}")
    return rf"(?P<{name}>\d{{{width}}})" if width > 1 else rf"(?P<{name}>\d+)"


def _year(text: str | None) -> int:
    if text is None:
        return 1970
    return 2000 + int(text) if len(text) == 2 else int(text)


def _month(text: str | None) -> int:
    if text is None:
        return 1
    if text.isdigit():
        return int(text)
    names = [name[:3].lower() for name in _MONTHS]
    return names.index(text[:3].lower()) + 1


def _hour(parts: dict[str, str | None]) -> int:
    if parts.get("H"):
        return int(parts["H"] or 0)
    if not parts.get("h"):
        return 0
    hour = int(parts["h"] or 0) % 12
    return hour + 12 if (parts.get("a") or "").upper() == "PM" else hour


def _zone(text: str) -> timezone:
    if text == "Z":
        return timezone.utc
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
