"""One row of every type, and expressions over it."""

# ruff: noqa: S608 - statements are made of test data
from __future__ import annotations

from decimal import Decimal
from typing import Any

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import SelectStatement
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiled, Compiler
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import builtin_functions
from ksql_engine.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    array_type,
    decimal_type,
    map_type,
    struct_type,
)

FUNCTIONS = builtin_functions()
ITEM = struct_type(("QUANTITY", INTEGER), ("PRICE", BIGINT))
COLUMNS = {
    "I": INTEGER,
    "L": BIGINT,
    "D": DOUBLE,
    "S": STRING,
    "B": BOOLEAN,
    "M": decimal_type(5, 2),
    "T": TIMESTAMP,
    "A": array_type(INTEGER),
    "ITEMS": array_type(ITEM),
    "MAP1": map_type(STRING, INTEGER),
    "R": ITEM,
    "N": INTEGER,
    "NS": STRING,
    "NB": BOOLEAN,
    "X": BYTES,
    "DAY": DATE,
    "CLOCK": TIME,
}
ROW = (
    7,
    2**40,
    2.5,
    "text",
    True,
    Decimal("1.50"),
    1_000,
    [1, 2, 3],
    [(2, 100), (1, 500)],
    {"k": 5},
    (3, 9),
    None,
    None,
    None,
    b"!",
    10,
    65_000,
)


def scope() -> Scope:
    return Scope(ScopeColumn("S", name, kind, f"v[{place}]") for place, (name, kind) in enumerate(COLUMNS.items()))


def compiled(text: str) -> Compiled:
    statement = parse_statement(f"SELECT {text} FROM s EMIT CHANGES;")
    assert isinstance(statement, SelectStatement)
    expression = statement.query.items[0].expression
    assert expression is not None
    return Compiler(scope(), FUNCTIONS).compile(expression)


def value(text: str) -> Any:
    """The value, or the word "error" where the expression has none, "refused" where it is none."""
    try:
        made = compiled(text)
    except StatementError:
        return "refused"
    try:
        return made.call((), ROW)
    except Exception:
        return "error"
