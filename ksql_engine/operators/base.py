"""What every operator is: something that takes a record and passes records on, one at a time, without IO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksql_engine.types import Row

Emit = Callable[[Row, "Row | None", int], None]
"""A record: key, value (None is a null value or a deleted row), time in ms since the epoch."""

Report = Callable[[str, Exception], None]
"""A message and its cause for the processing log."""


def has_null(values: tuple[Any, ...]) -> int | None:
    """Return the position of the first null, or None."""
    for place, value in enumerate(values):
        if value is None:
            return place
    return None
