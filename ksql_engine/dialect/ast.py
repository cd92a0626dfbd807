"""Expressions of the dialect as data. Equal expressions mean the same; their places in the text do not count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ksql_engine.types import SqlType


@dataclass(frozen=True)
class Place:
    """Where something stands in a statement: line and column, both from 1."""

    line: int = 0
    column: int = 0


NOWHERE = Place()


class Expr:
    """Any expression."""


@dataclass(frozen=True)
class Literal(Expr):
    """A constant with its type; value None has the type `types.NULL`."""

    value: Any
    type: SqlType


@dataclass(frozen=True)
class ColumnRef(Expr):
    """A column, pseudo column or lambda parameter, with the source name or alias written before the dot."""

    source: str | None
    name: str
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Dereference(Expr):
    """`base->name`."""

    base: Expr
    name: str


@dataclass(frozen=True)
class Subscript(Expr):
    """`base[index]`, index from 1, negative from the end; or a map's key."""

    base: Expr
    index: Expr


@dataclass(frozen=True)
class Call(Expr):
    """A function call; the name is in upper case. `star` says that `*` is written for no arguments."""

    name: str
    args: tuple[Expr, ...]
    star: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Lambda(Expr):
    """`(x, y) => body`."""

    params: tuple[str, ...]
    body: Expr


@dataclass(frozen=True)
class Arithmetic(Expr):
    """`left op right` with op one of + - * / %; + also joins strings."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Negate(Expr):
    """`-operand`."""

    operand: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """`left op right` with op one of = <> < <= > >= and the null-safe DISTINCT, NOT DISTINCT."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logical(Expr):
    """`left AND right` or `left OR right`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Not(Expr):
    """`NOT operand`."""

    operand: Expr


@dataclass(frozen=True)
class Between(Expr):
    """`operand BETWEEN low AND high`, both included."""

    operand: Expr
    low: Expr
    high: Expr


@dataclass(frozen=True)
class In(Expr):
    """`operand IN (items)`."""

    operand: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Like(Expr):
    """`operand LIKE pattern [ESCAPE character]`."""

    operand: Expr
    pattern: Expr
    escape: str | None = None


@dataclass(frozen=True)
class IsNull(Expr):
    """`operand IS [NOT] NULL`."""

    operand: Expr
    negated: bool = False


@dataclass(frozen=True)
class Case(Expr):
    """`CASE [operand] WHEN .. THEN .. ELSE .. END`; a missing ELSE is None."""

    operand: Expr | None
    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None


@dataclass(frozen=True)
class Cast(Expr):
    """`CAST(operand AS type)`."""

    operand: Expr
    type: SqlType


@dataclass(frozen=True)
class ArrayLiteral(Expr):
    """`ARRAY[items]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class MapLiteral(Expr):
    """`MAP(key := value, ..)`."""

    entries: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class StructLiteral(Expr):
    """`STRUCT(name := value, ..)`."""

    fields: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class IntervalUnit(Expr):
    """A unit of time used as a function's argument; milliseconds of it, 0 for MONTHS and YEARS."""

    name: str
    millis: int


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the direct sub-expressions, from left to right."""
    found: list[Expr] = []
    for value in vars(expr).values():
        _gather(value, found)
    return tuple(found)


def _gather(value: object, found: list[Expr]) -> None:
    if isinstance(value, Expr):
        found.append(value)
    elif isinstance(value, tuple):
        for entry in value:
            _gather(entry, found)


def rebuild(expr: Expr, change: Any) -> Expr:
    """Return a copy of `expr` whose direct sub-expressions went through `change(Expr) -> Expr`."""
    values = {name: _changed(value, change) for name, value in vars(expr).items()}
    return type(expr)(**values)


def _changed(value: Any, change: Any) -> Any:
    if isinstance(value, Expr):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(entry, change) for entry in value)
    return value
