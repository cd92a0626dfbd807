"""Code for arithmetic, by the type of its result."""

from __future__ import annotations

from ksql_engine.expressions.arithmetic import (
    CONTEXT,
    arithmetic_type,
    divide_decimals,
    divide_doubles,
    divide_integers,
    remainder_decimals,
    remainder_doubles,
    remainder_integers,
    wrap32,
    wrap64,
)
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.writer import CodeWriter
from ksql_engine.types import DOUBLE, INTEGER, SqlType


def arithmetic_code(writer: CodeWriter, op: str, left: Code, right: Code) -> Code:
    """Return the code of `left op right`. Raises ExpressionTypeError when the types have no such operation."""
    result = arithmetic_type(op, left.type, right.type)
    if result == DOUBLE:
        return _doubles(writer, op, left, right)
    if result.base == "DECIMAL":
        return _decimals(writer, op, (left, right), result)
    return _integers(writer, op, (left, right), result)


def negated(writer: CodeWriter, operand: Code) -> Code:
    """Return the code of `-operand`; the least integer stays itself."""
    if operand.type.base in ("INTEGER", "BIGINT"):
        return _wrapped(writer, f"-{operand.text}", operand.type)
    text = f"({operand.text}).copy_negate()" if operand.type.base == "DECIMAL" else f"(-{operand.text})"
    return Code(text, operand.type, maybe_null=False)


def _wrapped(writer: CodeWriter, text: str, kind: SqlType) -> Code:
    """Overflow like Java: only a value outside the range costs a call."""
    low, high, wrap = (-(2**31), 2**31 - 1, wrap32) if kind == INTEGER else (-(2**63), 2**63 - 1, wrap64)
    name = writer.temporary()
    inline = f"({name} if {low} <= ({name} := {text}) <= {high} else {writer.constant(wrap)}({name}))"
    return Code(inline, kind, maybe_null=False)


def _integers(writer: CodeWriter, op: str, sides: tuple[Code, Code], result: SqlType) -> Code:
    left, right = sides[0].text, sides[1].text
    if op == "/":
        return _wrapped(writer, f"{writer.constant(divide_integers)}({left}, {right})", result)
    if op == "%":
        return Code(f"{writer.constant(remainder_integers)}({left}, {right})", result, maybe_null=False)
    return _wrapped(writer, f"{left} {op} {right}", result)


def _doubles(writer: CodeWriter, op: str, left: Code, right: Code) -> Code:
    """Python converts an integer beside a double as Java does; a decimal is converted here."""
    a, b = (
        f"{writer.constant(float)}({side.text})" if side.type.base == "DECIMAL" else side.text for side in (left, right)
    )
    if op == "%":
        return Code(f"{writer.constant(remainder_doubles)}({a}, {b})", DOUBLE, maybe_null=False)
    if op != "/":
        return Code(f"({a} {op} {b})", DOUBLE, maybe_null=False)
    if right.text.isdigit() and right.text.strip("0"):
        return Code(f"({a} / {b})", DOUBLE, maybe_null=False)
    by_zero = writer.constant(divide_doubles)
    if not left.simple:
        return Code(f"{by_zero}({a}, {b})", DOUBLE, maybe_null=False)
    name = writer.temporary()
    return Code(f"({a} / {name} if ({name} := {b}) else {by_zero}({a}, {name}))", DOUBLE, maybe_null=False)


def _decimals(writer: CodeWriter, op: str, sides: tuple[Code, Code], result: SqlType) -> Code:
    """Sums, differences and products are exact in the result's type by its definition: only quotients are fitted."""
    left, right = sides[0].text, sides[1].text
    if op == "/":
        text = f"{writer.constant(divide_decimals)}({left}, {right}, {result.precision}, {result.scale})"
        return Code(text, result, maybe_null=False)
    exact = {"+": CONTEXT.add, "-": CONTEXT.subtract, "*": CONTEXT.multiply, "%": remainder_decimals}[op]
    return Code(f"{writer.constant(exact)}({left}, {right})", result, maybe_null=False)
