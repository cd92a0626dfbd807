"""Signatures of the functions that take a lambda; the compiler writes their code (`expressions.lambdas`)."""

from __future__ import annotations

from typing import Any, Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import LAMBDA, function, overload
from ksql_engine.functions.signature import ScalarFunction


def _compiled(*_args: Any) -> Any:
    raise EvaluationError("lambdas are part of the generated code")


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "transform",
        "A collection with each item, or each key and value, changed by a lambda.",
        overload("ARRAY<T> array, LAMBDA (T) => R lambda -> ARRAY<R>", _compiled),
        overload("MAP<K, V> map, LAMBDA (K, V) => R lambda1, LAMBDA (K, V) => T lambda2 -> MAP<R, T>", _compiled),
        category=LAMBDA,
    ),
    function(
        "filter",
        "A collection with the items for which a lambda is true.",
        overload("ARRAY<T> array, LAMBDA (T) => BOOLEAN lambda -> ARRAY<T>", _compiled),
        overload("MAP<K, V> map, LAMBDA (K, V) => BOOLEAN lambda -> MAP<K, V>", _compiled),
        category=LAMBDA,
    ),
    function(
        "reduce",
        "One value from a collection: a lambda takes the value so far and an item.",
        overload("ARRAY<T> list, S state, LAMBDA (S, T) => S lambda -> S", _compiled),
        overload("MAP<K, V> map, S state, LAMBDA (S, K, V) => S lambda -> S", _compiled),
        category=LAMBDA,
    ),
)
