"""What generated code calls where Python's own operators do not mean the same as SQL's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.patterns import like_pattern

OPERATOR_NAMES: Final = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "DISTINCT": "IS_DISTINCT_FROM",
    "NOT DISTINCT": "IS_NOT_DISTINCT_FROM",
}


def demand_boolean(value: Any) -> bool:
    """Return a truth value. Raises EvaluationError for null."""
    if value is None:
        raise EvaluationError("a condition is null")
    return bool(value)


def item_at(items: list[Any], index: int) -> Any:
    """Return an array's item, from 1 or negative from the end; null outside. Raises TypeError for nulls."""
    position = index - 1 if index > 0 else len(items) + index
    return items[position] if index != 0 and 0 <= position < len(items) else None


def like(text: str | None, pattern: str | None, escape: str | None) -> bool:
    """Tell whether the whole text fits a LIKE pattern; false for null."""
    return text is not None and pattern is not None and like_pattern(pattern, escape).fullmatch(text) is not None


def null_for_null(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return `call` with null for any null argument."""

    def one(*args: Any) -> Any:
        for arg in args:
            if arg is None:
                return None
        return call(*args)

    return one
