"""Waiting for what comes true in its own time, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
_PAUSE_SECONDS = 0.03


def eventually(look: Callable[[], Found], seconds: float = 30.0, what: str = "what was waited for") -> Found:
    """Return what `look` finds as soon as it is true; fail with its last answer after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}; last: {found!r}"
        time.sleep(_PAUSE_SECONDS)
    return found
