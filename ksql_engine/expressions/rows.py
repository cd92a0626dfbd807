"""A row of expressions as one Python function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ksql_engine.expressions.code import Code
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.writer import Report
from ksql_engine.types import Row

Projection = Callable[[Any, Any, Report], Row]


def compile_projection(compiler: Compiler, codes: Sequence[tuple[str, Code]]) -> Projection:
    """Return a function of (k, v, report) that gives the tuple of all values.

    `codes` are (column name, code) pairs from `compiler`. A column whose code raises is null and is reported.
    """
    lines = ["def projection(k, v, report):"]
    names: list[str] = []
    for place, (column, code) in enumerate(codes):
        if code.simple:
            names.append(code.text)
            continue
        names.append(f"o{place}")
        if code.safe:
            lines.append(f"    o{place} = {code.text}")
            continue
        lines += [
            "    try:",
            f"        o{place} = {code.text}",
            "    except Exception as error:",
            f"        o{place} = None",
            f"        report({f'Error computing expression for column {column}'!r}, error)",
        ]
    lines.append(f"    return ({''.join(name + ', ' for name in names)})")
    namespace = compiler.namespace()
    exec("\n".join(lines), namespace)  # noqa: S102 - code written by the compiler, never by a user
    projection: Projection = namespace["projection"]
    return projection
