"""Functions as data: name, accepted types, result type, and the Python function behind it.

A signature is written as text: `"STRING, INTEGER -> STRING"`. `A` and `B` stand for any type (the same each time),
`DECIMAL` for a decimal of any precision, `ANY` for anything, `T...` for one or more of T as the last argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.type_names import parse_type
from ksql_engine.types import NULL, SqlType, common_type, is_number, widens_to

ReturnType = Callable[[Sequence[SqlType]], SqlType]
_PLACEHOLDERS: Final = {name: SqlType(name) for name in ("A", "B", "C", "ANY", "NUMBER", "INTERVALUNIT")}
_PLACEHOLDERS["DECIMAL"] = SqlType("DECIMAL")


@dataclass(frozen=True)
class Signature:
    """Accepted types of one overload; `last` is repeated when `variadic`."""

    params: tuple[SqlType, ...]
    returns: SqlType
    variadic: bool = False

    def shown(self, name: str) -> str:
        """Return the form used in messages, such as `CONCAT(STRING...)`."""
        texts = [str(param).replace("DECIMAL(0, 0)", "DECIMAL") for param in self.params]
        return f"{name}({', '.join(texts)}{'...' if self.variadic else ''})"


@dataclass(frozen=True)
class Overload:
    """A signature with the function behind it.

    `nulls` False means: null for any null argument, without a call. `result` computes a result type that the text of
    the signature cannot say.
    """

    signature: Signature
    call: Callable[..., Any]
    nulls: bool = False
    result: ReturnType | None = None


@dataclass(frozen=True)
class ScalarFunction:
    """A function from values to a value."""

    name: str
    description: str
    overloads: tuple[Overload, ...]
    category: str = "OTHERS"


@dataclass(frozen=True)
class Match:
    """An overload that fits: the types its arguments are to be widened to, and the result's type."""

    overload: Overload
    params: tuple[SqlType, ...]
    returns: SqlType
    cost: int = field(compare=False, default=0)


def parse_signature(text: str) -> Signature:
    """Return the signature that `text` says."""
    left, right = text.split("->")
    cursor = Cursor(left.replace("...", ""), _PLACEHOLDERS)
    params: list[SqlType] = []
    while not cursor.at_end:
        params.append(parse_type(cursor))
        cursor.take_symbol(",")
    returns = parse_type(Cursor(right, _PLACEHOLDERS))
    return Signature(tuple(params), returns, "..." in left)


def match(overload: Overload, args: Sequence[SqlType]) -> Match | None:
    """Return how `args` fit, or None."""
    signature = overload.signature
    params = _expand(signature, len(args))
    if params is None:
        return None
    bound: dict[str, SqlType] = {}
    for param, arg in zip(params, args, strict=True):
        _bind(param, arg, bound)
    wanted: list[SqlType] = []
    cost = 1 if signature.variadic else 0
    for param, arg in zip(params, args, strict=True):
        target = _fill(param, bound) if param.base != "ANY" else arg
        target = arg if _placeholder_fits(param, arg) else target
        if target is None or not _accepts(arg, target):
            return None
        cost += _distance(arg, target)
        wanted.append(target)
    returns = overload.result(wanted) if overload.result else _fill(signature.returns, bound) or NULL
    return Match(overload, tuple(wanted), returns, cost)


def _expand(signature: Signature, count: int) -> tuple[SqlType, ...] | None:
    params = signature.params
    if not signature.variadic:
        return params if len(params) == count else None
    if count < len(params):
        return None
    return params + (params[-1],) * (count - len(params))


def _placeholder_fits(param: SqlType, arg: SqlType) -> bool:
    if param.base == "NUMBER":
        return is_number(arg)
    return param == SqlType("DECIMAL") and arg.base == "DECIMAL"


def _bind(param: SqlType, arg: SqlType, bound: dict[str, SqlType]) -> None:
    """Note which types the placeholders in `param` stand for; two uses widen to what holds both."""
    if param.base in ("A", "B", "C"):
        known = bound.get(param.base)
        bound[param.base] = (common_type(known, arg) or known) if known else arg
    elif param.base == arg.base and param.item and arg.item:
        _bind(param.item, arg.item, bound)
        if param.key and arg.key:
            _bind(param.key, arg.key, bound)


def _fill(param: SqlType, bound: dict[str, SqlType]) -> SqlType | None:
    if param.base in ("A", "B", "C"):
        return bound.get(param.base)
    if param.item is None:
        return param
    item = _fill(param.item, bound)
    key = _fill(param.key, bound) if param.key else None
    return SqlType(param.base, item=item, key=key) if item else None


def _accepts(arg: SqlType, target: SqlType) -> bool:
    if arg.base == target.base == "ARRAY" and arg.item and target.item:
        return _accepts(arg.item, target.item) and (arg.item == target.item or arg.item is NULL)
    return widens_to(arg, target)


def _distance(arg: SqlType, target: SqlType) -> int:
    """How far an argument is widened: an exact fit counts nothing."""
    if arg == target:
        return 0
    order = ("INTEGER", "BIGINT", "DECIMAL", "DOUBLE")
    if arg.base in order and target.base in order:
        return 10 * (order.index(target.base) - order.index(arg.base) + 1)
    return 5
