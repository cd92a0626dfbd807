"""Code of function calls. An argument that fails is null; a lambda becomes a comprehension or a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ksql_engine.dialect import ast
from ksql_engine.errors import EvaluationError, ExpressionTypeError
from ksql_engine.expressions.code import Code
from ksql_engine.expressions.inline import inline_code
from ksql_engine.expressions.java_maps import visited
from ksql_engine.functions.signature import GENERICS, Match, bind, filled, lambda_argument
from ksql_engine.types import NULL, SqlType

if TYPE_CHECKING:
    from ksql_engine.expressions.compiler import Compiler


def call_code(compiler: Compiler, expr: ast.Call) -> Code:
    """Return the code of a call. Raises StatementError when no overload fits its arguments."""
    if any(isinstance(arg, ast.Lambda) for arg in expr.args):
        return _lambda_call(compiler, expr)
    args = [compiler.code(arg) for arg in expr.args]
    found = compiler.functions.resolve(expr.name, [arg.type for arg in args])
    given = arguments(compiler, args, found)
    inline = inline_code(compiler, expr, given, found.returns)
    if inline is not None:
        return inline
    call = compiler.constant(found.call)
    if found.overload.nulls:
        return Code(f"{call}({', '.join(arg.text for arg in given)})", found.returns)
    return compiler.unless_null(call, given, found.returns)


def table_call_code(compiler: Compiler, expr: ast.Call) -> Code:
    """Return the code of a table function's call: the list of its rows, null for a null argument."""
    args = [compiler.code(arg) for arg in expr.args]
    found = compiler.functions.resolve_table(expr.name, [arg.type for arg in args])
    return compiler.unless_null(compiler.constant(found.call), arguments(compiler, args, found), found.returns)


def arguments(compiler: Compiler, args: Sequence[Code], found: Match) -> list[Code]:
    """Return the arguments as the types the overload takes, each null where it fails."""
    widened = [compiler.widened(arg, kind) for arg, kind in zip(args, found.params, strict=True)]
    return [compiler.guarded(arg, "argument for function") for arg in widened]


def _lambda_call(compiler: Compiler, expr: ast.Call) -> Code:
    codes = [None if isinstance(arg, ast.Lambda) else compiler.code(arg) for arg in expr.args]
    kinds = [
        code.type if code else lambda_argument(len(arg.params) if isinstance(arg, ast.Lambda) else 0)
        for arg, code in zip(expr.args, codes, strict=True)
    ]
    found = compiler.functions.resolve(expr.name, kinds)
    plain = [compiler.guarded(code, "argument for function") for code in codes if code]
    lambdas = [(arg, param) for arg, param in zip(expr.args, found.params, strict=True) if isinstance(arg, ast.Lambda)]
    for arg, _ in lambdas:
        if len(set(arg.params)) < len(arg.params):
            raise ExpressionTypeError(f"The arguments of a lambda must be different: {compiler.shown(arg)}")
    names = [compiler.temporary() for _ in lambdas[0][0].params]
    bodies = [_body(compiler, expr, (arg, param), names, found) for arg, param in lambdas]
    base = plain[0]
    returns = filled(found.overload.signature.returns, found.bound)
    write = _MAP_WRITERS if base.type.base == "MAP" else _ARRAY_WRITERS
    return write[expr.name](compiler, plain, (names, bodies), returns)


def _body(
    compiler: Compiler, expr: ast.Call, given: tuple[ast.Lambda, SqlType], names: list[str], found: Match
) -> Code:
    """Return a lambda's code over `names`. Raises ExpressionTypeError when its result does not fit."""
    arg, param = given
    inputs = [filled(kind, found.bound) for _, kind in param.fields]
    before = compiler.in_scope(
        {shown: Code(name, kind, simple=True) for shown, name, kind in zip(arg.params, names, inputs, strict=True)}
    )
    code = compiler.code(arg.body)
    compiler.leave(before)
    result = param.item or NULL
    if not (bind(result, code.type, found.bound) if result.base in GENERICS else result == code.type):
        raise ExpressionTypeError(
            f"Function '{expr.name.lower()}' does not accept the lambda {compiler.shown(arg)}: "
            f"it returns {code.type}, expected {filled(result, found.bound)}."
        )
    return code


def _unless_null(compiler: Compiler, base: Code, made: Any, kind: SqlType) -> Code:
    """Return null for a null collection, else what `made` writes over its name."""
    first, again = compiler.held(base)
    return Code(f"(None if {first} is None else {made(again)})", kind)


Lambdas = tuple[list[str], list[Code]]
"""The names of a lambda's parameters, and the code of each lambda over them."""


def _transform_array(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (name,), (code,) = lambdas
    return _unless_null(compiler, args[0], lambda items: f"[{code.text} for {name} in {items}]", kind)


def _filter_array(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (name,), (code,) = lambdas
    return _unless_null(compiler, args[0], lambda items: f"[{name} for {name} in {items} if {code.text}]", kind)


def _transform_map(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (key, value), (key_code, value_code) = lambdas
    unique, entry = compiler.constant(_unique), f"({key_code.text}, {value_code.text})"
    return _unless_null(
        compiler, args[0], lambda items: f"{unique}([{entry} for {key}, {value} in {items}.items()])", kind
    )


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the pairs as a map. Raises EvaluationError for a key twice or a null value, as Java's collector does."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise EvaluationError("Duplicate key")
    if None in made.values():
        raise EvaluationError("a map made by a lambda cannot have null values")
    return made


def _filter_map(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (key, value), (code,) = lambdas
    unique, entry = compiler.constant(_unique), f"({key}, {value})"
    return _unless_null(
        compiler, args[0], lambda items: f"{unique}([{entry} for {entry} in {items}.items() if {code.text}])", kind
    )


def _reduce_array(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (state, name), (code,) = lambdas
    return _reduced(compiler, args, state, [f"for {name} in items:", f"    {state} = {code.text}"], kind)


def _reduce_map(compiler: Compiler, args: list[Code], lambdas: Lambdas, kind: SqlType) -> Code:
    (state, key, value), (code,) = lambdas
    loop = [f"for {key} in {compiler.constant(visited)}(items):", f"    {value} = items[{key}]"]
    return _reduced(compiler, args, state, [*loop, f"    {state} = {code.text}"], kind)


def _reduced(compiler: Compiler, args: list[Code], state: str, loop: list[str], kind: SqlType) -> Code:
    lines = [f"if items is None or {state} is None:", f"    return {state}", *loop, f"return {state}"]
    return Code(compiler.helper(lines, (("items", args[0].text), (state, args[1].text))), kind)


_ARRAY_WRITERS: Final = {"TRANSFORM": _transform_array, "FILTER": _filter_array, "REDUCE": _reduce_array}
_MAP_WRITERS: Final = {"TRANSFORM": _transform_map, "FILTER": _filter_map, "REDUCE": _reduce_map}
