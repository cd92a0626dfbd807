"""Functions as data: name, accepted types, result type, and the Python function behind it.

A signature is written as text: `"STRING text, INTEGER length -> STRING"`. Single letters stand for any type (the same
each time), `DECIMAL` for a decimal of any precision, `T items...` for none or more, `LAMBDA (T) => R` for a lambda.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ksql_engine.dialect.cursor import Cursor
from ksql_engine.dialect.type_names import parse_type
from ksql_engine.types import NULL, SqlType, accepted_as, as_decimal

ReturnType = Callable[[Sequence[SqlType]], SqlType]
GENERICS: Final = frozenset("KRSTUV")
ANY_DECIMAL: Final = SqlType("DECIMAL")
LAMBDA: Final = "LAMBDA"
_PLACEHOLDERS: Final = {name: SqlType(name) for name in (*GENERICS, "INTERVALUNIT", "DECIMAL")}
_SHOWN: Final = {"STRING": "VARCHAR", "INTEGER": "INT"}


@dataclass(frozen=True)
class Param:
    """One parameter; the name is for people only."""

    name: str
    type: SqlType


@dataclass(frozen=True)
class Signature:
    """Accepted types of one overload; the parameter at position `variadic` may be given any number of times."""

    params: tuple[Param, ...]
    returns: SqlType
    variadic: int | None = None

    def shown(self, name: str) -> str:
        """Return the form used in messages, such as `lpad(VARCHAR input, INT length)`."""
        texts = []
        for place, param in enumerate(self.params):
            dots = "..." if place == self.variadic else ""
            texts.append(f"{shown_type(param.type)}{dots} {param.name}".rstrip())
        return f"{name}({', '.join(texts)})"

    def expanded(self, count: int) -> tuple[SqlType, ...] | None:
        """Return the types of `count` arguments, or None when there cannot be so many."""
        types = tuple(param.type for param in self.params)
        if self.variadic is None:
            return types if len(types) == count else None
        repeats = count - len(types) + 1
        if repeats < 0:
            return None
        place = self.variadic
        return types[:place] + types[place : place + 1] * repeats + types[place + 1 :]


def shown_type(kind: SqlType) -> str:
    """Return a parameter's type as messages and DESCRIBE FUNCTION show it."""
    if kind.base == "ARRAY" and kind.item:
        return f"ARRAY<{shown_type(kind.item)}>"
    if kind.base == "MAP" and kind.item and kind.key:
        return f"MAP<{shown_type(kind.key)}, {shown_type(kind.item)}>"
    if kind.base == "STRUCT":
        return f"STRUCT<{', '.join(f'{name} {shown_type(one)}' for name, one in kind.fields)}>"
    if kind.base == LAMBDA and kind.item:
        return f"LAMBDA ({', '.join(shown_type(one) for _, one in kind.fields)}) => {shown_type(kind.item)}"
    return "DECIMAL" if kind == ANY_DECIMAL else _SHOWN.get(kind.base, str(kind))


@dataclass(frozen=True)
class Overload:
    """A signature with the function behind it.

    `nulls` False means: null for any null argument, without a call. `result` computes a result type that the text of
    the signature cannot say. `make` gives the function for the types of a call; `call` is not used then.
    """

    signature: Signature
    call: Callable[..., Any]
    nulls: bool = False
    result: ReturnType | None = None
    make: Callable[[Sequence[SqlType]], Callable[..., Any]] | None = None
    description: str = ""


@dataclass(frozen=True)
class ScalarFunction:
    """A function from values to a value; `name` is spelled as messages show it."""

    name: str
    description: str
    overloads: tuple[Overload, ...]
    category: str = "OTHER"


@dataclass(frozen=True)
class Match:
    """An overload that fits: the types its arguments are widened to, the result's type, what letters stand for."""

    overload: Overload
    params: tuple[SqlType, ...]
    returns: SqlType
    bound: dict[str, SqlType] = field(compare=False, default_factory=dict)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """What makes one match better than another: no repeated parameter, more parameters, fewer letters."""
        signature = self.overload.signature
        letters = sum(has_generics(param.type) for param in signature.params)
        return signature.variadic is None, len(signature.params), -letters

    @property
    def call(self) -> Callable[..., Any]:
        """The function for these types."""
        make = self.overload.make
        return make(self.params) if make else self.overload.call


def parse_signature(text: str) -> Signature:
    """Return the signature that `text` says."""
    left, right = text.rsplit("->", 1)
    cursor = Cursor(left, _PLACEHOLDERS)
    params: list[Param] = []
    variadic = None
    while not cursor.at_end:
        kind = _lambda_type(cursor) if cursor.take_word(LAMBDA) else parse_type(cursor)
        token = cursor.advance()
        name = cursor.text[token.start : token.end]
        while cursor.take_symbol("."):
            variadic = len(params)
        params.append(Param(name, kind))
        cursor.take_symbol(",")
    return Signature(tuple(params), parse_type(Cursor(right, _PLACEHOLDERS)), variadic)


def _lambda_type(cursor: Cursor) -> SqlType:
    cursor.expect_symbol("(")
    inputs = [parse_type(cursor)]
    while cursor.take_symbol(","):
        inputs.append(parse_type(cursor))
    cursor.expect_symbol(")")
    cursor.expect_symbol("=>")
    return SqlType(LAMBDA, item=parse_type(cursor), fields=tuple(("", one) for one in inputs))


def lambda_argument(inputs: int) -> SqlType:
    """Return what stands for a lambda with so many parameters before its types are known."""
    return SqlType(LAMBDA, precision=inputs)


def match(overload: Overload, args: Sequence[SqlType], casts: bool) -> Match | None:
    """Return how `args` fit, or None; `casts` allows numbers to widen and text to become a time."""
    params = overload.signature.expanded(len(args))
    if params is None:
        return None
    bound: dict[str, SqlType] = {}
    wanted: list[SqlType] = []
    for param, arg in zip(params, args, strict=True):
        target = _target(param, arg, bound, casts)
        if target is None:
            return None
        wanted.append(target)
    returns = overload.result(wanted) if overload.result else filled(overload.signature.returns, bound)
    return Match(overload, tuple(wanted), returns, bound)


def _target(param: SqlType, arg: SqlType, bound: dict[str, SqlType], casts: bool) -> SqlType | None:
    """Return the type an argument is given as, or None when it is not accepted."""
    if arg is NULL:
        return arg
    if LAMBDA in (param.base, arg.base):
        fits = param.base == arg.base and len(param.fields) == arg.precision
        return param if fits else None
    if has_generics(param):
        return arg if bind(param, arg, bound) else None
    if param == ANY_DECIMAL:
        wide = as_decimal(arg)
        return wide if arg.base == "DECIMAL" or (casts and wide.base == "DECIMAL") else None
    return param if accepted_as(arg, param, casts) else None


def has_generics(kind: SqlType) -> bool:
    """Tell whether a letter stands somewhere in `kind`."""
    parts = [kind.item, kind.key, *(one for _, one in kind.fields)]
    return kind.base in GENERICS or any(has_generics(part) for part in parts if part)


def bind(param: SqlType, arg: SqlType, bound: dict[str, SqlType]) -> bool:
    """Note what the letters of `param` stand for in `arg`; False when they do not fit together."""
    if param.base in GENERICS:
        return arg is NULL or bound.setdefault(param.base, arg) == arg
    if param.base != arg.base:
        return False
    if param.item and arg.item and not bind(param.item, arg.item, bound):
        return False
    return not (param.key and arg.key) or bind(param.key, arg.key, bound)


def filled(kind: SqlType, bound: dict[str, SqlType]) -> SqlType:
    """Return `kind` with its letters replaced; null for a letter that only stood for nulls."""
    if kind.base in GENERICS:
        return bound.get(kind.base, NULL)
    if not has_generics(kind):
        return kind
    item = filled(kind.item, bound) if kind.item else None
    key = filled(kind.key, bound) if kind.key else None
    return SqlType(kind.base, item=item, key=key, fields=tuple((name, filled(one, bound)) for name, one in kind.fields))
