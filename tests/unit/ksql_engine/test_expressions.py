"""Expressions over one row: values, nulls, overflow, types and refusals."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from expression_world import compiled, value

from ksql_engine.errors import StatementError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i + 1", 8),
        ("i / 2", 3),
        ("-i / 2", -3),
        ("-i % 4", -3),
        ("i + n", "error"),
        ("i / 0", "error"),
        ("d / 0", math.inf),
        ("i + 2147483647", -2147483642),
        ("l * 16777216", 0),
        ("m + m", Decimal("3.00")),
        ("m * m", Decimal("2.2500")),
        ("m / 3", Decimal("0.500000")),
        ("d + m", 4.0),
        ("n = 1", False),
        ("n <> 1", False),
        ("not (n = 1)", True),
        ("n is null", True),
        ("i is distinct from n", True),
        ("n between 1 and 9", False),
        ("i between 7 and 7", True),
        ("ns in ('a')", False),
        ("i in (1, '7')", True),
        ("ns like '%'", False),
        ("s like 't_xt'", True),
        ("nb and b", "error"),
        ("b or nb", True),
        ("s + 'x'", "textx"),
        ("s || ns || 1", "refused"),
        ("a[1]", 1),
        ("a[-1]", 3),
        ("a[4]", None),
        ("a[0]", None),
        ("map1['k']", 5),
        ("map1['x']", None),
        ("r->price", 9),
        ("items[1]->quantity", 2),
        ("cast(null as struct<x int>)->x", None),
        ("case when i > 5 then 'big' else 'small' end", "big"),
        ("case i when 1 then 'one' end", None),
        ("cast('12' as int)", 12),
        ("cast('x' as int)", "error"),
        ("cast(2.9e0 as int)", 2),
        ("cast(i as varchar)", "7"),
        ("cast(d as varchar)", "2.5"),
        ("cast(t as varchar)", "1970-01-01T00:00:01.000"),
        ("cast(a as varchar)", "[1, 2, 3]"),
        ("cast('2.345' as decimal(3, 2))", Decimal("2.35")),
        ("cast('yes' as boolean)", True),
        ("t = '1970-01-01T00:00:01'", True),
        ("t > '1970'", True),
        ("reduce(items, cast(0 as bigint), (s, x) => s + x->quantity * x->price)", 700),
        ("transform(a, x => x * 2)", [2, 4, 6]),
        ("filter(a, x => x > 1)", [2, 3]),
        ("concat('a', ns, 'b')", "ab"),
        ("lpad(cast(42 as varchar), 5, '0')", "00042"),
        ("substring('hello', 2, 3)", "ell"),
        ("substring('hello', -3)", "llo"),
        ("greatest('b', ns, 'c')", "c"),
        ("least(3, n, 2)", 2),
        ("coalesce(n, i)", 7),
        ("ifnull(ns, 'x')", "x"),
        ("round(2.345e0, 2)", 2.35),
        ("round(-2.5e0)", -2),
        ("abs(-3)", 3),
        ("len('abc')", 3),
        ("ucase('a')", "A"),
        ("regexp_extract('^(a)(b)', 'abc', 2)", "b"),
        ("regexp_extract('x', 'abc')", None),
        ("regexp_extract('x', ns)", None),
        ("as_value(i)", 7),
        ("unix_timestamp(t)", 1000),
        ("timestamptostring(0, 'yyyy-MM-dd''T''HH:mm:ssX')", "1970-01-01T00:00:00Z"),
        ("array[1, n]", [1, None]),
        ("struct(x := 1, y := s)", (1, "text")),
        ("map('a' := 1)", {"a": 1}),
    ],
)
def test_values(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i + l", "BIGINT"),
        ("i + d", "DOUBLE"),
        ("m + i", "DECIMAL(13, 2)"),
        ("m * m", "DECIMAL(11, 4)"),
        ("1.5", "DECIMAL(2, 1)"),
        ("3000000000", "BIGINT"),
        ("1e3", "DOUBLE"),
        ("coalesce(i, n)", "INTEGER"),
        ("array[1, 2.5]", "ARRAY<DECIMAL(11, 1)>"),
        ("round(d)", "BIGINT"),
        ("round(d, 1)", "DOUBLE"),
        ("case when b then l else null end", "BIGINT"),
    ],
)
def test_types(text: str, kind: str) -> None:
    assert str(compiled(text).type) == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "column 'NOPE' cannot be resolved"),
        ("i = '10'", "Cannot compare I (INTEGER) to '10' (STRING) with EQUAL."),
        ("i = null", "Comparison with NULL not supported"),
        ("i + null", "Arithmetic on types INTEGER and null"),
        ("nofunc(1)", "Can't find any functions with the name 'NOFUNC'"),
        ("coalesce(i, l)", "Function 'COALESCE' does not accept parameters (INTEGER, BIGINT)"),
        ("case when b then 1 else l end", "Invalid Case expression"),
        ("lcase(1)", "Function 'lcase' does not accept parameters (INTEGER)"),
        ("r->nope", "Could not find field 'NOPE'"),
        ("i and b", "AND must be BOOLEAN"),
        ("case when b then 1 else 's' end", "Invalid Case expression"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(StatementError, match=message.replace("(", r"\(").replace(")", r"\)")):
        compiled(text)
