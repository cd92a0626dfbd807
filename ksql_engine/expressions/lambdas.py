"""Calls with lambdas: TRANSFORM, FILTER and REDUCE over arrays and maps. A null collection gives null."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from ksql_engine.dialect import ast
from ksql_engine.errors import StatementError
from ksql_engine.expressions.code import Code
from ksql_engine.types import BOOLEAN, NULL, SqlType, array_type, map_type, widens_to

if TYPE_CHECKING:
    from ksql_engine.expressions.compiler import Compiler


def lambda_call(compiler: Compiler, expr: ast.Call) -> Code:
    """Return the code of a call with lambdas. Raises StatementError when the arguments do not fit."""
    writers = {"TRANSFORM": _transform, "FILTER": _filter, "REDUCE": _reduce}
    write = writers.get(expr.name)
    if write is None:
        raise StatementError(f"Can't find any functions with the name '{expr.name}' that accept a lambda")
    if len(expr.args) < 2 or not all(isinstance(arg, ast.Lambda) for arg in expr.args[-1:]):
        raise StatementError(f"Function '{expr.name}' expects a collection and a lambda")
    base = compiler.code(expr.args[0])
    if base.type.base not in ("ARRAY", "MAP"):
        raise StatementError(f"Function '{expr.name}' does not accept parameters ({base.type}, LAMBDA).")
    return write(compiler, base, expr.args)


def _items(kind: SqlType) -> list[SqlType]:
    """What a lambda gets: the item of an array, key and value of a map."""
    item = kind.item or NULL
    return [kind.key, item] if kind.base == "MAP" and kind.key else [item]


def _lambda(compiler: Compiler, arg: ast.Expr, types: list[SqlType]) -> Code:
    if not isinstance(arg, ast.Lambda):
        raise StatementError("A lambda was expected")
    return compiler.lambda_code(arg, types)


def _made(compiler: Compiler, call: Callable[..., Any], args: list[Code], kind: SqlType) -> Code:
    text = ", ".join(arg.text for arg in args)
    return Code(f"{compiler.constant(call)}({text})", kind)


def _transform(compiler: Compiler, base: Code, args: tuple[ast.Expr, ...]) -> Code:
    if base.type.base == "ARRAY":
        change = _lambda(compiler, args[1], _items(base.type))
        return _made(compiler, _transform_array, [base, change], array_type(change.type))
    if len(args) != 3:
        raise StatementError("TRANSFORM of a map expects two lambdas")
    key, value = (_lambda(compiler, arg, _items(base.type)) for arg in args[1:])
    return _made(compiler, _transform_map, [base, key, value], map_type(key.type, value.type))


def _filter(compiler: Compiler, base: Code, args: tuple[ast.Expr, ...]) -> Code:
    keep = _lambda(compiler, args[1], _items(base.type))
    if keep.type != BOOLEAN:
        raise StatementError(f"FILTER expects a BOOLEAN lambda, not {keep.type}")
    call = _filter_array if base.type.base == "ARRAY" else _filter_map
    return _made(compiler, call, [base, keep], base.type)


def _reduce(compiler: Compiler, base: Code, args: tuple[ast.Expr, ...]) -> Code:
    if len(args) != 3:
        raise StatementError("REDUCE expects a collection, a start and a lambda")
    start = compiler.code(args[1])
    step = _lambda(compiler, args[2], [start.type, *_items(base.type)])
    if not widens_to(step.type, start.type):
        raise StatementError(f"REDUCE starts with {start.type}, but its lambda returns {step.type}")
    call = _reduce_array if base.type.base == "ARRAY" else _reduce_map
    return _made(compiler, call, [base, start, step], start.type)


def _transform_array(items: Any, change: Callable[[Any], Any]) -> Any:
    return None if items is None else [change(item) for item in items]


def _transform_map(held: Any, key: Callable[[Any, Any], Any], value: Callable[[Any, Any], Any]) -> Any:
    return None if held is None else {key(name, item): value(name, item) for name, item in held.items()}


def _filter_array(items: Any, keep: Callable[[Any], Any]) -> Any:
    return None if items is None else [item for item in items if keep(item)]


def _filter_map(held: Any, keep: Callable[[Any, Any], Any]) -> Any:
    return None if held is None else {name: item for name, item in held.items() if keep(name, item)}


def _reduce_array(items: Any, start: Any, step: Callable[[Any, Any], Any]) -> Any:
    return start if items is None else reduce(step, items, start)


def _reduce_map(held: Any, start: Any, step: Callable[[Any, Any, Any], Any]) -> Any:
    if held is None:
        return start
    for name, item in held.items():
        start = step(start, name, item)
    return start
