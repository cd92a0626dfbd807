"""The windows of keys: what a WITH clause declares."""

from __future__ import annotations

from typing import Final

from ksql_engine.dialect.cursor import UNIT_MILLIS
from ksql_engine.dialect.statements import Properties
from ksql_engine.errors import StatementError
from ksql_engine.plan.model import Source, WindowInfo

TYPE_PROPERTY, SIZE_PROPERTY = "WINDOW_TYPE", "WINDOW_SIZE"
WINDOW_PROPERTIES: Final = frozenset({TYPE_PROPERTY, SIZE_PROPERTY})
_KINDS: Final = ("SESSION", "HOPPING", "TUMBLING")


def declared_window(properties: Properties) -> WindowInfo | None:
    """Return the windows a WITH clause declares, None for plain keys. Raises StatementError."""
    size = _declared_size(properties)
    if TYPE_PROPERTY not in properties:
        return None
    kind = str(properties[TYPE_PROPERTY]).upper()
    if kind not in _KINDS:
        raise StatementError(
            f"Configuration {TYPE_PROPERTY} is invalid: Unknown window type: '{properties[TYPE_PROPERTY]}' "
            f"Valid values are: {', '.join(_KINDS)}"
        )
    if kind == "SESSION" and size is not None:
        raise StatementError(f"'{SIZE_PROPERTY}' should not be set for SESSION windows.")
    if kind != "SESSION" and size is None:
        raise StatementError(
            f"{kind} windows require '{SIZE_PROPERTY}' to be provided in the WITH clause. "
            f"For example: '{SIZE_PROPERTY}'='10 SECONDS'"
        )
    return WindowInfo(kind, size)


def check_windowed(source: Source) -> None:
    """Raise StatementError when a windowed source has nothing that its windows could belong to."""
    if source.window is not None and not source.schema.key:
        raise StatementError("Windowed sources require a key column.")


def _declared_size(properties: Properties) -> int | None:
    if SIZE_PROPERTY not in properties:
        return None
    try:
        return duration_of(str(properties[SIZE_PROPERTY]))
    except StatementError as error:
        raise StatementError(f"Configuration {SIZE_PROPERTY} is invalid: {error}") from error


def duration_of(text: str) -> int:
    """Return the milliseconds of a text such as `10 SECONDS`. Raises StatementError."""
    parts = text.split()
    refused = f"Invalid duration: '{text}'. "
    if len(parts) != 2:
        raise StatementError(f"{refused}Expected 2 tokens, got: {len(parts)}")
    count, unit = parts[0], parts[1].upper()
    if not count.isdigit():
        raise StatementError(f"{refused}Not numeric: '{count}'")
    millis = UNIT_MILLIS.get(unit.removesuffix("S"))
    if not millis:
        raise StatementError(f"{refused}Unknown time unit: '{unit}'")
    if int(count) == 0:
        raise StatementError(f"{refused}The duration must be positive")
    return int(count) * millis
