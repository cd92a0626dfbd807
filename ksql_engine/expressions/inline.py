"""Calls that are written as Python expressions, which never raise where their arguments do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ksql_engine.dialect import ast
from ksql_engine.errors import EvaluationError
from ksql_engine.expressions.code import Code
from ksql_engine.functions.patterns import compile_pattern
from ksql_engine.types import BYTES, SqlType

if TYPE_CHECKING:
    from ksql_engine.expressions.compiler import Compiler

Given = Sequence[tuple[ast.Expr, Code]]
"""The arguments of a call, each with its code, which is quiet."""

Inline = Callable[["Compiler", Given, SqlType], "Code | None"]
"""Writes a call with the type of its result; None leaves it to the function."""


def inline_code(compiler: Compiler, expr: ast.Call, codes: Sequence[Code], kind: SqlType) -> Code | None:
    """Return the code of a call over its arguments' quiet code, or None where it is an ordinary call."""
    write = _INLINE.get(expr.name)
    return write(compiler, list(zip(expr.args, codes, strict=True)), kind) if write else None


def _concat(_compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
    if kind == BYTES:
        return None
    parts = [f"({code.text} or '')" if code.maybe_null else code.text for _, code in given]
    return Code(f"({' + '.join(parts)})" if parts else "''", kind, maybe_null=False, safe=True)


def _itself(_compiler: Compiler, given: Given, kind: SqlType) -> Code:
    code = given[0][1]
    return Code(code.text, kind, code.maybe_null, code.simple, code.safe)


def _coalesce(compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
    """All but the first are read only where they count, so each must be simple: what fails is reported always."""
    first, *others = [code for _, code in given]
    if not all(code.simple for code in others):
        return None
    text, maybe_null = "None", True
    for code in (*reversed(others), first):
        if code.maybe_null:
            asked, again = compiler.held(code)
            text = f"({again} if {asked} is not None else {text})"
        else:
            text, maybe_null = code.text, False
    return Code(text, kind, maybe_null, safe=True)


def _extreme(sign: str) -> Inline:
    def write(compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
        """The best so far is kept in a variable; every argument is read twice, so each must be simple."""
        codes = [code for _, code in given]
        if not all(code.simple for code in codes):
            return None
        text, maybe_null = codes[0].text, codes[0].maybe_null
        for code in codes[1:]:
            held = compiler.temporary()
            better = f"{code.text} {sign} {held}"
            if code.maybe_null:
                better = f"({code.text} is not None and {better})"
            text = f"({code.text} if ({held} := {text}) is None or {better} else {held})"
            maybe_null = maybe_null and code.maybe_null
        return Code(text, kind, maybe_null, safe=True)

    return write


def _substring(compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
    position, *length = [_whole(expr, 1 - place) for place, (expr, _) in enumerate(given[1:])]
    if position is None or None in length:
        return None
    start = position - 1
    end = "" if not length else str(start + (length[0] or 0))
    return _of_first(compiler, given, kind, f"[{start}:{end}]")


def _padded(method: str) -> Inline:
    def write(compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
        length, padding = _whole(given[1][0], 0), given[2][0]
        if length is None or not isinstance(padding, ast.Literal) or len(padding.value or "") != 1:
            return None
        return _of_first(compiler, given, kind, f".{method}({length}, {padding.value!r})[:{length}]")

    return write


def _regexp_extract(compiler: Compiler, given: Given, kind: SqlType) -> Code | None:
    pattern = given[0][0]
    if len(given) != 2 or not isinstance(pattern, ast.Literal) or pattern.value is None:
        return None
    try:
        search = compiler.constant(compile_pattern(pattern.value).search)
    except EvaluationError:
        return None
    found, text = compiler.temporary(), given[1][1]
    first, again = compiler.held(text)
    missing = f"{first} is None or " if text.maybe_null else ""
    used = again if text.maybe_null else text.text
    return Code(f"(None if {missing}({found} := {search}({used})) is None else {found}.group())", kind, safe=True)


def _of_first(compiler: Compiler, given: Given, kind: SqlType, after: str) -> Code:
    """Return what is written after the first argument, null for null."""
    code = given[0][1]
    if code.text == "None":  # a literal null: Python would warn of what is written after it
        return Code("None", kind, safe=True)
    if not code.maybe_null:
        return Code(f"{code.text}{after}", kind, maybe_null=False, safe=True)
    first, again = compiler.held(code)
    return Code(f"(None if {first} is None else {again}{after})", kind, safe=True)


def _whole(expr: ast.Expr, least: int) -> int | None:
    """Return the value of a literal whole number of at least `least`."""
    value: Any = expr.value if isinstance(expr, ast.Literal) else None
    return value if type(value) is int and value >= least else None


_INLINE: Final[dict[str, Inline]] = {
    "CONCAT": _concat,
    "AS_VALUE": _itself,
    "COALESCE": _coalesce,
    "IFNULL": _coalesce,
    "GREATEST": _extreme(">"),
    "LEAST": _extreme("<"),
    "SUBSTRING": _substring,
    "LPAD": _padded("rjust"),
    "RPAD": _padded("ljust"),
    "REGEXP_EXTRACT": _regexp_extract,
}
