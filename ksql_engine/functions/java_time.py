"""Times as text in the patterns of Java's DateTimeFormatter (English names)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ksql_engine.errors import EvaluationError

_PIECE: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[\[\]]|[^A-Za-z'\[\]]+")
_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905 - a line instead of fourteen
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_QUARTERS: Final = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")
_OFFSET: Final = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")


@dataclass(frozen=True)
class _Piece:
    """Letters of one field, or literal text; `[` and `]` are the text of an optional part's ends."""

    letters: str = ""
    text: str = ""
    bracket: str = ""


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[_Piece, ...]:
    found: list[_Piece] = []
    at = 0
    while at < len(pattern):
        match = _PIECE.match(pattern, at)
        if match is None:
            raise EvaluationError(f"Pattern ends with an incomplete string literal: {pattern}")
        whole = match.group()
        at = match.end()
        if whole.startswith("'"):
            found.append(_Piece(text="'" if whole == "''" else match.group(1).replace("''", "'")))
        elif whole in "[]":
            found.append(_Piece(bracket=whole))
        else:
            found.append(_Piece(letters=whole) if whole[0].isalpha() else _Piece(text=whole))
    return tuple(found)


def zone_of(name: str) -> tzinfo:
    """Return the time zone with an id such as `Europe/Paris`, `UTC`, `+0200` or `GMT+2`. Raises EvaluationError."""
    if name in ("Z", "UTC", "GMT", "UT"):
        return timezone.utc
    match = _OFFSET.fullmatch(name)
    if match:
        sign, hours, minutes, seconds = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        return timezone(-offset if sign == "-" else offset)
    return _region(name)


@lru_cache(maxsize=64)
def _region(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise EvaluationError(f"Unknown time-zone ID: {name}") from error


Write = Callable[[datetime], str]


@lru_cache(maxsize=256)
def letters_of(pattern: str) -> frozenset[str]:
    """Return the field letters a pattern uses. Raises EvaluationError for an unfinished quotation."""
    return frozenset(piece.letters[0] for piece in _pieces(pattern) if piece.letters)


def format_time(moment: datetime, pattern: str) -> str:
    """Return `moment` in `pattern`. Raises EvaluationError for a letter that is not known."""
    template, writers = _template(pattern)
    return template.format(moment, *[write(moment) for write in writers])


@lru_cache(maxsize=256)
def _template(pattern: str) -> tuple[str, tuple[Write, ...]]:
    """Return a pattern as a format string over the time itself and what the writers make of it."""
    parts: list[str] = []
    writers: list[Write] = []
    for piece in _pieces(pattern):
        letter, width = piece.letters[:1], len(piece.letters)
        attribute = _ATTRIBUTES.get(letter)
        if not letter:
            parts.append(piece.text.replace("{", "{{").replace("}", "}}"))
        elif attribute and not (letter in "yu" and width == 2) and not (letter in "ML" and width > 2):
            parts.append(f"{{0.{attribute}:0{width}d}}")
        else:
            writers.append(_field_writer(letter, width))
            parts.append(f"{{{len(writers)}}}")
    return "".join(parts), tuple(writers)


_ATTRIBUTES: Final = {
    "y": "year",
    "u": "year",
    "M": "month",
    "L": "month",
    "d": "day",
    "H": "hour",
    "m": "minute",
    "s": "second",
}


def _field_writer(letter: str, width: int) -> Write:
    if letter in "EMLQqec" and (width >= 3 or letter == "E"):
        return lambda moment: _name(letter, width, moment)
    if letter in "XxZzVO":
        return lambda moment: _write_zone(letter, width, moment)
    special = _SPECIAL.get(letter)
    if special is not None:
        return lambda moment: special(moment, width)
    number = _NUMBERS.get(letter)
    if number is None:
        raise EvaluationError(f"Unknown pattern letter: {letter}")
    return lambda moment: f"{number(moment):0{width}d}"


def _write_year(year: int, width: int) -> str:
    return f"{year % 100:02d}" if width == 2 else f"{year:0{width}d}"


def _nanos(moment: datetime) -> int:
    return ((moment.hour * 3600 + moment.minute * 60 + moment.second) * 1_000_000 + moment.microsecond) * 1000


_SPECIAL: Final[dict[str, Callable[[datetime, int], str]]] = {
    "y": lambda moment, width: _write_year(moment.year, width),
    "u": lambda moment, width: _write_year(moment.year, width),
    "Y": lambda moment, width: _write_year(moment.isocalendar()[0], width),
    "S": lambda moment, width: f"{moment.microsecond * 1000:09d}"[:width].ljust(width, "0"),
    "a": lambda moment, _: "AM" if moment.hour < 12 else "PM",
    "G": lambda _, width: {4: "Anno Domini", 5: "A"}.get(width, "AD"),
}
_NUMBERS: Final[dict[str, Callable[[datetime], int]]] = {
    "M": lambda moment: moment.month,
    "L": lambda moment: moment.month,
    "d": lambda moment: moment.day,
    "D": lambda moment: moment.timetuple().tm_yday,
    "Q": lambda moment: (moment.month + 2) // 3,
    "q": lambda moment: (moment.month + 2) // 3,
    "H": lambda moment: moment.hour,
    "k": lambda moment: moment.hour or 24,
    "K": lambda moment: moment.hour % 12,
    "h": lambda moment: (moment.hour + 11) % 12 + 1,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
    "A": lambda moment: _nanos(moment) // 1_000_000,
    "n": lambda moment: moment.microsecond * 1000,
    "N": _nanos,
    "e": lambda moment: moment.isoweekday() % 7 + 1,
    "c": lambda moment: moment.isoweekday() % 7 + 1,
    "F": lambda moment: (moment.day - 1) // 7 + 1,
    "w": lambda moment: moment.isocalendar()[1],
}


def _name(letter: str, width: int, moment: datetime) -> str:
    if letter in "Qq":
        quarter = (moment.month - 1) // 3
        return f"Q{quarter + 1}" if width == 3 else _QUARTERS[quarter]
    name = _MONTHS[moment.month - 1] if letter in "ML" else _DAYS[moment.weekday()]
    return name[:1] if width == 5 else name if width == 4 else name[:3]


def _write_zone(letter: str, width: int, moment: datetime) -> str:
    if letter in "zV":
        key = getattr(moment.tzinfo, "key", None)
        return str(key) if letter == "V" and key else ("Z" if letter == "V" else moment.tzname() or "UTC")
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and (letter == "X" or (letter == "Z" and width == 5)):
        return "Z"
    sign, (hours, minutes) = ("-" if seconds < 0 else "+"), divmod(abs(seconds) // 60, 60)
    if letter == "O" or (letter == "Z" and width == 4):
        short = f"{hours}" + (f":{minutes:02d}" if minutes else "")
        shown = short if letter == "O" and width == 1 else f"{hours:02d}:{minutes:02d}"
        return "GMT" if seconds == 0 else f"GMT{sign}{shown}"
    if letter in "Xx" and width == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    colon = ":" if width in (3, 5) and not (letter == "Z" and width == 3) else ""
    return f"{sign}{hours:02d}{colon}{minutes:02d}"


def parse_start(text: str, pattern: str) -> datetime:
    """Return the time that the start of `text` says, as Java's older SimpleDateFormat reads it.

    Numbers have any length, and days past a month's end count on. Raises EvaluationError.
    """
    return _parsed(text, pattern, _reader(pattern, lenient=True).match(text), lenient=True)


def parse_time(text: str, pattern: str) -> datetime:
    """Return the time that `text` says in `pattern`; without a zone when it has none.

    What the pattern does not say is taken from 1970-01-01T00:00. Raises EvaluationError.
    """
    return _parsed(text, pattern, _reader(pattern, lenient=False).fullmatch(text), lenient=False)


def _parsed(text: str, pattern: str, match: re.Match[str] | None, *, lenient: bool) -> datetime:
    if match is None:
        raise EvaluationError(f"Text '{text}' could not be parsed with pattern '{pattern}'")
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    try:
        moment = _moment(parts, lenient=lenient)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"Text '{text}' could not be parsed with pattern '{pattern}': {error}") from error
    zone = parts.get("zone")
    return moment if zone is None else moment.replace(tzinfo=zone_of(zone if "/" in zone else zone.upper()))


def _moment(parts: dict[str, str], *, lenient: bool) -> datetime:
    year = _year(parts.get("y"))
    if "A" in parts:
        clock = timedelta(milliseconds=int(parts["A"]))
    elif "N" in parts:
        clock = timedelta(microseconds=int(parts["N"]) // 1000)
    else:
        fraction = parts["S"].ljust(6, "0")[:6] if "S" in parts else str(int(parts.get("n", "0")) // 1000)
        minute, second = int(parts.get("m", 0)), int(parts.get("s", 0))
        if minute > 59 or second > 59:
            raise ValueError("minute and second are at most 59")
        clock = timedelta(hours=_hour(parts), minutes=minute, seconds=second, microseconds=int(fraction))
    if "D" in parts:
        return datetime(year, 1, 1) + timedelta(days=int(parts["D"]) - 1) + clock
    month, day = _month(parts.get("M")), int(parts.get("d", 1))
    if lenient:
        return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1) + timedelta(days=day - 1) + clock
    if not 1 <= day <= 31:
        raise ValueError(f"Invalid value for DayOfMonth: {day}")
    return datetime(year, month, min(day, _month_length(year, month))) + clock


def _month_length(year: int, month: int) -> int:
    """Days of a month: a later day is taken as its last, as Java's smart resolution does."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@lru_cache(maxsize=256)
def _reader(pattern: str, lenient: bool) -> re.Pattern[str]:
    out: list[str] = []
    seen: set[str] = set()
    pieces = _pieces(pattern)
    for place, piece in enumerate(pieces):
        if piece.bracket:
            out.append("(?:" if piece.bracket == "[" else ")?")
        elif piece.letters:
            abutting = any(after.letters for after in pieces[place + 1 : place + 2])
            out.append(_read(piece.letters, seen, any_length=lenient and not abutting))
        else:
            out.append(re.escape(piece.text))
    try:
        return re.compile("".join(out), re.IGNORECASE)
    except re.error as error:
        raise EvaluationError(f"Invalid pattern: {pattern}: {error}") from error


def _read(letters: str, seen: set[str], *, any_length: bool) -> str:
    """Return the regular expression of one field; the same field a second time may be anything of its form."""
    letter, width = letters[0], len(letters)
    name, form = _form(letter, width)
    if any_length and name in ("y", "M", "d", "D", "H", "h", "k", "K", "m", "s", "S") and form.startswith(r"\d"):
        form = r"\d{1,9}"
    if name in seen or not name:
        return f"(?:{form})"
    seen.add(name)
    return f"(?P<{name}>{form})"


def _form(letter: str, width: int) -> tuple[str, str]:
    """Return the name under which a field is kept ("" for not at all) and its regular expression."""
    if letter in "ML" and width >= 3:
        return "M", "|".join(_MONTHS if width == 4 else [month[:3] for month in _MONTHS])
    if letter == "E" or (letter in "ec" and width >= 3):
        return "", "|".join(_DAYS if width == 4 else [day[:3] for day in _DAYS])
    if letter in "yuY":
        return "y", _year_form(width)
    if letter in _TEXT_FORMS:
        return _TEXT_FORMS[letter]
    name = {"L": "M"}.get(letter, letter)
    if name not in "MdDHhKkmsSAnNQqecFw":
        raise EvaluationError(f"Unknown pattern letter: {letter}")
    fixed = width > 1 or letter == "S"
    return ("" if name in "QqecFw" else name), rf"\d{{{width}}}" if fixed else r"\d{1,9}"


def _year_form(width: int) -> str:
    if width == 2:
        return r"\d{2}"
    return r"\d{4}|[+-]\d{4,9}" if width == 4 else rf"[+-]?\d{{{width},9}}"


_OFFSET_FORM: Final = r"Z|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2}){0,2}|GMT|UTC"
_ZONE_FORM: Final = r"[A-Za-z][A-Za-z0-9_/+:-]*|[+-]\d{2}(?::?\d{2})?"
_TEXT_FORMS: Final = {
    "a": ("a", "AM|PM"),
    "G": ("", "AD|Anno Domini|A"),
    **dict.fromkeys("XxZO", ("zone", _OFFSET_FORM)),
    **dict.fromkeys("zV", ("zone", _ZONE_FORM)),
}


def _year(text: str | None) -> int:
    if text is None:
        return 1970
    return 2000 + int(text) if len(text) == 2 else int(text)


def _month(text: str | None) -> int:
    if text is None:
        return 1
    if text.isdigit():
        return int(text)
    return [name[:3].lower() for name in _MONTHS].index(text[:3].lower()) + 1


def _hour(parts: dict[str, str]) -> int:
    if "H" in parts:
        hour = int(parts["H"])
    elif "k" in parts:
        hour = int(parts["k"]) % 24
    else:
        hour = int(parts.get("h", parts.get("K", 0))) % 12
        hour += 12 if parts.get("a", "").upper() == "PM" else 0
    if hour > 23:
        raise ValueError(f"Invalid value for HourOfDay (valid values 0 - 23): {hour}")
    return hour
