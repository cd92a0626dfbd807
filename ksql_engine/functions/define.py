"""Shorthand for declaring scalar functions as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksql_engine.functions.signature import Overload, ReturnType, ScalarFunction, parse_signature


def overload(text: str, call: Callable[..., Any], nulls: bool = False, result: ReturnType | None = None) -> Overload:
    """Return the overload with the signature `text`; see `signature` for its form."""
    return Overload(parse_signature(text), call, nulls, result)


def function(name: str, description: str, *overloads: Overload, category: str = "OTHERS") -> ScalarFunction:
    """Return the function made of `overloads`."""
    return ScalarFunction(name, description, overloads, category)
