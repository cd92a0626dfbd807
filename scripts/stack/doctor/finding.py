"""What a check finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, unique

from scripts.stack.lab import NativeLab


@unique
class Level(str, Enum):
    """An error would make the start fail; a warning may trouble it later."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what to do about it."""

    level: Level
    text: str
    remedy: str


Check = Callable[[NativeLab], Iterator[Finding]]


def error(text: str, remedy: str) -> Finding:
    """A finding that stops the start."""
    return Finding(Level.ERROR, text, remedy)


def warning(text: str, remedy: str) -> Finding:
    """A finding that does not."""
    return Finding(Level.WARNING, text, remedy)
