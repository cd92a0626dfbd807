"""What all generated code shares: constants, temporaries, and helper functions beside the main one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ksql_engine.expressions.casts import caster
from ksql_engine.expressions.code import Code
from ksql_engine.types import NULL, SqlType

Report = Callable[[str, Exception], None]
"""What is called with a message and an error when an expression has no value for a record."""


def ignored(_message: str, _error: Exception) -> None:
    """Report nothing."""


class CodeWriter:
    """Gathers what generated code refers to. Its functions take (k, v, report) and the lambda parameters in scope."""

    def __init__(self) -> None:
        """Start empty."""
        self._constants: dict[str, Any] = {}
        self._helpers: list[str] = []
        self._counter = 0
        self._lambdas: dict[str, Code] = {}

    def namespace(self) -> dict[str, Any]:
        """Return the names generated code needs: constants and helper functions."""
        names = dict(self._constants)
        exec("\n".join(self._helpers), names)  # noqa: S102 - code written by the compiler, never by a user
        return names

    def mark(self) -> int:
        """Return how much was written, for `back_to`."""
        return len(self._helpers)

    def back_to(self, mark: int) -> None:
        """Forget the helper functions that were written since `mark`."""
        del self._helpers[mark:]

    def constant(self, value: Any) -> str:
        """Keep a value for the generated code and return the name it has there."""
        self._counter += 1
        name = f"c{self._counter}"
        self._constants[name] = value
        return name

    def temporary(self) -> str:
        """Return a fresh variable name."""
        self._counter += 1
        return f"t{self._counter}"

    def held(self, code: Code) -> tuple[str, str]:
        """Return (first use, later uses) of a value that is needed more than once."""
        if code.simple:
            return code.text, code.text
        name = self.temporary()
        return f"({name} := {code.text})", name

    def helper(self, lines: list[str], extra: tuple[tuple[str, str], ...] = ()) -> str:
        """Define a function with this body and return a call of it; `extra` are more (parameter, argument) pairs."""
        self._counter += 1
        name = f"f{self._counter}"
        shared = ["k", "v", "report", *(code.text for code in self._lambdas.values())]
        head = ", ".join([*shared, *(parameter for parameter, _ in extra)])
        self._helpers.append("\n".join([f"def {name}({head}):", *(f"    {line}" for line in lines)]))
        return f"{name}({', '.join([*shared, *(argument for _, argument in extra)])})"

    def guarded(self, code: Code, what: str) -> Code:
        """Return code that is null where `code` raises, which is reported: one part fails, not the whole."""
        if code.quiet:
            return code
        message = f"Error computing {what}"
        lines = ["try:", f"    return {code.text}", "except Exception as error:", f"    report({message!r}, error)"]
        return Code(self.helper(lines), code.type, safe=True)

    def unless_null(self, call: str, args: list[Code], kind: SqlType) -> Code:
        """Return the code of a call that gives null for any null argument."""
        if any(arg.text == "None" for arg in args):
            return Code("None", kind, simple=True)
        checks: list[str] = []
        uses: list[str] = []
        for arg in args:
            first, again = self.held(arg) if arg.maybe_null else (arg.text, arg.text)
            uses.append(again)
            if arg.maybe_null:
                checks.append(f"{first} is None")
        text = f"{call}({', '.join(uses)})"
        return Code(f"(None if {' or '.join(checks)} else {text})" if checks else text, kind)

    def widened(self, code: Code, target: SqlType) -> Code:
        """Return the code of the same value as `target`."""
        if code.type == target or NULL in (code.type, target):
            return Code(code.text, target, code.maybe_null, code.simple, code.safe)
        return self.cast(code, target)

    def cast(self, code: Code, target: SqlType) -> Code:
        """Return the code of a value cast to `target`. Raises ExpressionCodeError when there is no such cast."""
        if (code.type.base, target.base) == ("INTEGER", "BIGINT"):
            return Code(code.text, target, code.maybe_null, code.simple, code.safe)
        call = self.constant(caster(code.type, target))
        safe = code.quiet and code.type.base in ("INTEGER", "BIGINT") and target.base in ("STRING", "DOUBLE")
        if not code.maybe_null:
            return Code(f"{call}({code.text})", target, maybe_null=False, safe=safe)
        return replace(self.unless_null(call, [code], target), safe=safe)

    def in_scope(self, names: dict[str, Code]) -> dict[str, Code]:
        """Add lambda parameters and return those of before, for `leave`."""
        before, self._lambdas = self._lambdas, {**self._lambdas, **names}
        return before

    def leave(self, before: dict[str, Code]) -> None:
        """Return to the lambda parameters of before."""
        self._lambdas = before
