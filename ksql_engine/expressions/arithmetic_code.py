"""Code for arithmetic, by the type of its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksql_engine.expressions.arithmetic import (
    arithmetic_type,
    divide_decimals,
    divide_doubles,
    divide_integers,
    fit_decimal,
    remainder_decimals,
    remainder_doubles,
    remainder_integers,
    wrap32,
    wrap64,
)
from ksql_engine.expressions.code import Code
from ksql_engine.types import DOUBLE, INTEGER, SqlType

Constant = Callable[[Any], str]
"""Keeps a value for the generated code and returns the name it has there."""


def arithmetic_code(constant: Constant, op: str, left: Code, right: Code) -> Code:
    """Return the code of `left op right`. Raises StatementError when the types have no such operation."""
    result = arithmetic_type(op, left.type, right.type)
    if result == DOUBLE:
        return _doubles(constant, op, left, right)
    if result.base == "DECIMAL":
        return _decimals(constant, op, (left, right), result)
    return _integers(constant, op, (left, right), result)


def _integers(constant: Constant, op: str, sides: tuple[Code, Code], result: SqlType) -> Code:
    left, right = sides[0].text, sides[1].text
    wrap = constant(wrap32 if result == INTEGER else wrap64)
    if op == "/":
        return Code(f"{wrap}({constant(divide_integers)}({left}, {right}))", result, maybe_null=False)
    if op == "%":
        return Code(f"{constant(remainder_integers)}({left}, {right})", result, maybe_null=False)
    return Code(f"{wrap}({left} {op} {right})", result, maybe_null=False)


def _doubles(constant: Constant, op: str, left: Code, right: Code) -> Code:
    a, b = (f"{constant(float)}({side.text})" if side.type != DOUBLE else side.text for side in (left, right))
    if op in "/%":
        call = constant(divide_doubles if op == "/" else remainder_doubles)
        return Code(f"{call}({a}, {b})", DOUBLE, maybe_null=False)
    return Code(f"({a} {op} {b})", DOUBLE, maybe_null=False)


def _decimals(constant: Constant, op: str, sides: tuple[Code, Code], result: SqlType) -> Code:
    left, right = sides[0].text, sides[1].text
    if op == "/":
        text = f"{constant(divide_decimals)}({left}, {right}, {result.precision}, {result.scale})"
        return Code(text, result, maybe_null=False)
    inner = f"{constant(remainder_decimals)}({left}, {right})" if op == "%" else f"({left} {op} {right})"
    text = f"{constant(fit_decimal)}({inner}, {result.precision}, {result.scale})"
    return Code(text, result, maybe_null=False)
