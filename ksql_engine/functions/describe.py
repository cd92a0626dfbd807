"""What DESCRIBE FUNCTION and SHOW FUNCTIONS tell."""

from __future__ import annotations

from typing import Any

from ksql_engine.errors import StatementError
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.functions.signature import Overload, ScalarFunction, shown_type


def function_names(functions: FunctionRegistry) -> list[dict[str, str]]:
    """Return name, type and category of every function, by name."""
    found = [_listed(name, "SCALAR", one.category) for name, one in functions.scalars.items()]
    found += [_listed(name, "TABLE", one.category) for name, one in functions.tables.items()]
    found += [_listed(name, "AGGREGATE", "AGGREGATE") for name in functions.aggregates]
    return sorted(found, key=lambda one: one["name"])


def _listed(name: str, kind: str, category: str) -> dict[str, str]:
    return {"name": name, "type": kind, "category": category}


def function_description(functions: FunctionRegistry, name: str) -> dict[str, Any]:
    """Return what is known of a function: its texts, and the arguments and result of each overload.

    Raises StatementError when there is no such function.
    """
    if name in functions.scalars:
        return _described(functions.scalars[name], "SCALAR")
    if name in functions.tables:
        return _described(functions.tables[name], "TABLE")
    aggregate = functions.aggregates.get(name)
    if aggregate is None:
        raise StatementError(f"Can't find any functions with the name '{name}'")
    overloads = [_form(one, aggregate.description) for one in aggregate.forms]
    return {**_header(name, aggregate.description), "functions": overloads, "type": "AGGREGATE"}


def _form(form: str, description: str) -> dict[str, Any]:
    """Return one form of an aggregate function; its result's type depends on the call."""
    arguments = [
        {"name": "", "type": kind.removesuffix("..."), "description": "", "isVariadic": kind.endswith("...")}
        for kind in form.split(", ")
        if kind
    ]
    return {"arguments": arguments, "returnType": "", "description": description}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name.upper(), "description": description, "author": "", "version": "", "path": "internal"}


def _described(function: ScalarFunction, kind: str) -> dict[str, Any]:
    overloads = [_overload(one, function.description, kind == "TABLE") for one in function.overloads]
    return {**_header(function.name, function.description), "functions": overloads, "type": kind}


def _overload(one: Overload, description: str, table: bool) -> dict[str, Any]:
    """Return one overload; a table function returns rows of its array's items."""
    returns = one.signature.returns.item if table else one.signature.returns
    return {
        "arguments": [
            {
                "name": param.name,
                "type": shown_type(param.type),
                "description": "",
                "isVariadic": place == one.signature.variadic,
            }
            for place, param in enumerate(one.signature.params)
        ],
        "returnType": shown_type(returns) if returns else "",
        "description": one.description or description,
    }
