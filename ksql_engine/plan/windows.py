"""Windows: what a WITH clause declares of keys, what a WINDOW clause comes to, and where its bounds may be named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ksql_engine.dialect.ast import Expr
from ksql_engine.dialect.cursor import UNIT_MILLIS
from ksql_engine.dialect.statements import Properties, Query, Window
from ksql_engine.errors import StatementError
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.plan.config import Config, flag
from ksql_engine.plan.model import WINDOW_BOUNDS, Source, WindowInfo, Windowing
from ksql_engine.plan.select import references
from ksql_engine.types import BIGINT

TYPE_PROPERTY, SIZE_PROPERTY = "WINDOW_TYPE", "WINDOW_SIZE"
WINDOW_PROPERTIES: Final = frozenset({TYPE_PROPERTY, SIZE_PROPERTY})
_KINDS: Final = ("SESSION", "HOPPING", "TUMBLING")
_DAY: Final = 86_400_000
_TOPIC_RETENTION: Final = 7 * _DAY  # what a broker keeps when nothing is said


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
    """Raise StatementError for windows without a key they could belong to, and for retention without windows."""
    if source.window is not None and not source.schema.key:
        raise StatementError("Windowed sources require a key column.")
    if source.window is None and source.is_table and source.retention_ms is not None:
        raise StatementError(
            "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention."
        )


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


def windowing(window: Window, *, final: bool, repartitioned: bool) -> Windowing:
    """Return what a WINDOW clause comes to. Raises StatementError when its times do not fit each other.

    Without a grace period windows close a day after their start. State is kept as long as a record can change it, or
    longer where the clause says so.
    """
    session = window.kind == "SESSION"
    _check_times(window)
    grace = window.grace if window.grace is not None else max(_DAY - window.size, 0)
    needed = window.size + grace
    if window.retention is not None and window.retention < needed:
        raise StatementError(
            f"The retention period of the window store must be no smaller than its "
            f"{'session inactivity gap' if session else 'window size'} plus the grace period. Got "
            f"{'gap' if session else 'size'}=[{window.size}], grace=[{grace}], retention=[{window.retention}]"
        )
    info = WindowInfo(window.kind, None if session else window.size)
    return Windowing(info, window.size, window.advance, grace, window.retention or needed, final, repartitioned)


def _check_times(window: Window) -> None:
    if window.size <= 0:
        kind = "Gap time" if window.kind == "SESSION" else "Window size"
        raise StatementError(f"{kind} must be larger than zero.")
    if not 0 < window.advance <= window.size:
        raise StatementError(
            f"Window advancement interval should be more than zero and less than window duration which is "
            f"{window.size} ms, but given advancement interval is: {window.advance} ms"
        )


def sink_retention(declared: int | None, window: Window | None) -> int | None:
    """Return the retention (ms) of a query's topic, None for the broker's: at least the RETENTION of its windows."""
    if window is None or window.retention is None:
        return declared
    return max(declared if declared is not None else _TOPIC_RETENTION, window.retention)


def window_text(window: Windowing) -> str:
    """Return what must stay the same for a replaced query to go on with the state of a WINDOW clause."""
    final = " FINAL" if window.final else ""
    return f"{window.info.kind} {window.length} {window.advance} GRACE {window.grace}{final}"


def with_bounds(scope: Scope) -> Scope:
    """Return `scope` with WINDOWSTART and WINDOWEND of the windows that a GROUP BY is yet to make."""
    owner = scope.columns[0].source if scope.columns else None
    bounds = [ScopeColumn(owner, name, BIGINT, "None", hidden=True) for name in WINDOW_BOUNDS]
    return Scope([*(column for column in scope.columns if column.name not in WINDOW_BOUNDS), *bounds], scope.clause)


def with_visible_bounds(scope: Scope) -> Scope:
    """Return `scope` with the window bounds of its sources among the columns of `*`, as clients see them."""
    columns = [replace(column, hidden=False) if column.name in WINDOW_BOUNDS else column for column in scope.columns]
    return Scope(columns, scope.clause)


def refuse_bounds(expressions: Sequence[Expr]) -> None:
    """Raise StatementError when an expression outside the SELECT list's plain items names a window's bounds."""
    for ref in (ref for expr in expressions for ref in references(expr)):
        if ref.name in WINDOW_BOUNDS:
            raise StatementError(
                f"Window bounds column {ref.name} can only be used in the SELECT clause of windowed aggregations and "
                f"can not be passed to aggregate functions.\nSee https://github.com/confluentinc/ksql/issues/4397"
            )


def check_window(query: Query, scope: Scope, config: Config) -> None:
    """Raise StatementError when a query's WINDOW clause, or its EMIT FINAL, has nothing to work on or is turned off."""
    if query.emit == "FINAL" and not flag(config, "ksql.suppress.enabled", default=True):
        raise StatementError(
            "Suppression is currently disabled. You can enable it by setting ksql.suppress.enabled to true"
        )
    if query.window is None:
        if query.emit == "FINAL":
            raise StatementError("EMIT FINAL is only supported for windowed aggregations.")
        return
    if not query.group_by:
        raise StatementError("WINDOW clause requires a GROUP BY clause.")
    known = {column.name for column in scope.columns}
    for ref in references(query.where) if query.where is not None else ():
        if ref.name in WINDOW_BOUNDS and ref.name not in known:
            raise StatementError(f"Error in WHERE expression: Unknown column {ref.name}.")
