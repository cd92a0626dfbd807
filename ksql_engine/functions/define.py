"""Shorthand for declaring scalar functions as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ksql_engine.functions.signature import Overload, ReturnType, ScalarFunction, parse_signature
from ksql_engine.types import SqlType

CONDITIONAL: Final = "CONDITIONAL"
MATHEMATICAL: Final = "MATHEMATICAL"
STRING: Final = "STRING"
REGULAR_EXPRESSION: Final = "REGULAR EXPRESSION"
JSON: Final = "JSON"
DATE_TIME: Final = "DATE / TIME"
ARRAY: Final = "ARRAY"
MAP: Final = "MAP"
LAMBDA: Final = "LAMBDA"
URL: Final = "URL"
OTHER: Final = "OTHER"


def overload(text: str, call: Callable[..., Any], nulls: bool = False, result: ReturnType | None = None) -> Overload:
    """Return the overload with the signature `text`; see `signature` for its form."""
    return Overload(parse_signature(text), call, nulls, result)


def typed(text: str, make: Callable[[Sequence[SqlType]], Callable[..., Any]], nulls: bool = False) -> Overload:
    """Return the overload whose function depends on the types of the call."""
    return Overload(parse_signature(text), make, nulls, make=make)


def function(name: str, description: str, *overloads: Overload, category: str = OTHER) -> ScalarFunction:
    """Return the function made of `overloads`."""
    return ScalarFunction(name, description, overloads, category)
