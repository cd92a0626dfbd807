"""Calls and conversions: which overload is meant, what an error in one part does, lambdas, casts, lists of one type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from expression_world import FUNCTIONS, ROW, compiled, scope, value

from ksql_engine.dialect.parser import parse_statement
from ksql_engine.dialect.statements import SelectStatement
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import compile_projection


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "greatest(i, l)",
            "Function 'greatest' cannot be resolved due to ambiguous method parameters (INTEGER, BIGINT).",
        ),
        ("greatest(null, null)", "ambiguous method parameters (null, null)."),
        ("lpad(s, i)", "Valid alternatives are:\nlpad(VARCHAR input, INT length, VARCHAR padding)"),
        ("transform(a, (x, y) => x)", "Function 'transform' does not accept parameters (ARRAY<INTEGER>, LAMBDA)."),
        ("reduce(a, 0, (s, x) => l)", "it returns BIGINT, expected INTEGER."),
        ("filter(a, x => x + 1)", "it returns INTEGER, expected BOOLEAN."),
        ("explode(a)", "Table functions can only be used in a SELECT"),
        ("array[]", "Array constructor cannot be empty."),
        ("array[null]", "Cannot construct an array with all NULL elements"),
        ("array[1, 'x']", 'invalid input syntax for type INTEGER: "x".'),
        ("map('a' := null)", "Cannot construct a map with all NULL values"),
        ("struct(x := 1, x := 2)", "Duplicate field names found in STRUCT: X"),
        ("i in (1, true)", "operator does not exist: INTEGER = BOOLEAN (true)"),
        ("cast(s as array<int>)", "Cast of STRING to ARRAY<INTEGER> is not supported"),
        ("cast(a as array<bytes>)", "Cast of ARRAY<INTEGER> to ARRAY<BYTES> is not supported"),
        ("b + 1.5", "Error processing expression: (B + 1.5). Unsupported arithmetic types. BOOLEAN DECIMAL"),
        ("a < a", "Cannot compare A (ARRAY<INTEGER>) to A (ARRAY<INTEGER>) with LESS_THAN."),
        ("case when i then 1 end", "WHEN operand type should be boolean.\nType for 'I' is INTEGER"),
        ("a['x']", "An array's index must be INTEGER, but 'x' is STRING"),
        ("ucase(max(s))", "Aggregate functions are not allowed here: MAX"),
        ("r['x']", "Use the dereference operator for STRUCTS"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(StatementError) as caught:
        compiled(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("array[1, stringtodate('x', 'yyyy')]", [1, None]),
        ("struct(x := 1, y := cast('x' as int))", (1, None)),
        ("coalesce(cast('x' as int), 5)", 5),
        ("transform(a, x => coalesce(cast('x' as int), x))", [1, 2, 3]),
        ("transform(a, x => cast('x' as int))", "error"),
        ("transform(map1, (k, v) => ucase(k), (k, v) => v + 1)", {"K": 6}),
        ("transform(map('a' := 1, 'b' := 2), (k, v) => 'same', (k, v) => v)", "error"),
        ("filter(map('a' := 1, 'b' := 2), (k, v) => v > 1)", {"b": 2}),
        ("filter(map('a' := 1, 'b' := n), (k, v) => true)", "error"),
        ("reduce(map('a' := 1, 'b' := 2), 10, (s, k, v) => s + v)", 13),
        ("transform(items, x => reduce(a, x->quantity, (s, y) => s + y))", [8, 7]),
        ("transform(array[a, a], x => filter(x, y => y > 1))", [[2, 3], [2, 3]]),
        ("reduce(a, n, (s, x) => s + x)", None),
        ("array[null, 1, '2', l]", [None, 1, 2, 2**40]),
        ("i in (7.0, '8')", True),
        ("a in (array[1, '2', 3])", True),
        ("r in (struct(quantity := 3, price := '9'))", True),
        ("s in (null)", False),
        ("t > day", False),
        ("m = 1.5e0", True),
        ("n is distinct from null or true", "refused"),
        ("case when nb then 1 else 2 end", "error"),
        ("map(a := 1)", "error"),
    ],
)
def test_values(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cast(map('a' := 1) as string)", "{a=1}"),
        ("cast(r as string)", "Struct{QUANTITY=3,PRICE=9}"),
        ("cast(1e10 as string)", "1.0E10"),
        ("cast(5e-324 as string)", "4.9E-324"),
        ("cast(b as string)", "true"),
        ("cast(m as string)", "1.50"),
        ("cast(array['1', '2'] as array<int>)", [1, 2]),
        ("cast(r as struct<price int, extra int>)", (9, None)),
        ("cast(' 12 ' as bigint)", 12),
        ("cast(3000000000 as int)", -1294967296),
        ("cast(1e300 as int)", 2**31 - 1),
        ("cast(12.345 as decimal(4, 2))", Decimal("12.35")),
        ("cast(123.4 as decimal(3, 2))", "error"),
        ("cast('1970-01-02' as date)", 1),
        ("cast(t as date)", 0),
        ("-cast(-2147483648 as int)", -2147483648),
    ],
)
def test_casts(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_decimals_keep_all_their_digits() -> None:
    digits = "1234567890123456789012345678901.5"
    assert value(f"{digits} + {digits}") == Decimal("2469135780246913578024691357803.0")
    assert value(f"-({digits} * 10.0)") == Decimal("-12345678901234567890123456789015.00")


def test_each_failing_part_is_reported_once_and_the_rest_survives() -> None:
    statement = parse_statement("SELECT array[i, cast('x' as int)], i / 0, i + 1 FROM s EMIT CHANGES;")
    assert isinstance(statement, SelectStatement)
    compiler = Compiler(scope(), FUNCTIONS)
    codes = [("C", compiler.code(item.expression)) for item in statement.query.items if item.expression]
    seen: list[str] = []
    row = compile_projection(compiler, codes)((), ROW, lambda text, error: seen.append(f"{text}: {error}"))
    assert row == ([7, None], None, 8)
    assert seen == [
        'Error computing array item: For input string: "x"',
        "Error computing expression for column C: / by zero",
    ]
