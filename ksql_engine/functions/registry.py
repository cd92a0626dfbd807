"""All functions by name, and which overload a call means."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from ksql_engine.errors import StatementError
from ksql_engine.functions import (
    arrays,
    binary,
    conditional,
    geo,
    json_text,
    lambdas,
    maps,
    masks,
    numbers,
    regex,
    strings,
    temporal,
    urls,
)
from ksql_engine.functions.aggregate import AggregateFunction, Config
from ksql_engine.functions.aggregates import AGGREGATES
from ksql_engine.functions.signature import LAMBDA, Match, Overload, ScalarFunction, match
from ksql_engine.functions.table import TABLE_FUNCTIONS
from ksql_engine.types import NULL, SqlType

_HINT = "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"


class FunctionRegistry:
    """The functions an engine knows, found by name in upper case. `config` holds the properties that change some."""

    def __init__(
        self,
        scalars: Sequence[ScalarFunction],
        aggregates: Sequence[AggregateFunction],
        tables: Sequence[ScalarFunction] = (),
    ) -> None:
        """Keep all kinds by name; a table function is one that returns an ARRAY, each item for a row of its own."""
        self.scalars = {function.name.upper(): function for function in scalars}
        self.aggregates = {function.name: function for function in aggregates}
        self.tables = {function.name.upper(): function for function in tables}
        self.config: Config = {}

    def with_config(self, config: Config) -> FunctionRegistry:
        """Return the same functions under other properties."""
        made = copy(self)
        made.config = config
        return made

    def is_aggregate(self, name: str) -> bool:
        """Tell whether `name` is an aggregate function."""
        return name in self.aggregates

    def is_table(self, name: str) -> bool:
        """Tell whether `name` is a table function."""
        return name in self.tables

    def resolve(self, name: str, args: Sequence[SqlType]) -> Match:
        """Return the best overload of a scalar function for `args`.

        Raises StatementError when none fits, or several equally well.
        """
        function = self.scalars.get(name)
        if function is None:
            if self.is_table(name):
                raise StatementError(f"Table functions can only be used in a SELECT, not here: {name}")
            if self.is_aggregate(name):
                raise StatementError(f"Aggregate functions are not allowed here: {name}")
            raise StatementError(f"Can't find any functions with the name '{name}'")
        return resolve(function, args)

    def resolve_table(self, name: str, args: Sequence[SqlType]) -> Match:
        """Return the best overload of a table function for `args`. Raises StatementError when none fits."""
        return resolve(self.tables[name], args)


def resolve(function: ScalarFunction, args: Sequence[SqlType]) -> Match:
    """Return the best overload of `function`: first as the arguments are, then with implicit casts.

    Raises StatementError when none fits, or several equally well.
    """
    for casts in (False, True):
        fits = [found for found in (match(one, args, casts) for one in function.overloads) if found]
        fits.sort(key=lambda found: found.rank, reverse=True)
        if len(fits) > 1 and fits[0].rank == fits[1].rank:
            raise StatementError(
                f"Function '{function.name}' cannot be resolved due to ambiguous method parameters {_shown(args)}.\n"
                f"Use CAST() to explicitly cast your parameters to one of the supported function calls.\n"
                f"Valid function calls are:\n{_options(function.name, function.overloads)}\n{_HINT}"
            )
        if fits:
            return fits[0]
    raise StatementError(
        f"Function '{function.name}' does not accept parameters {_shown(args)}.\n"
        f"Valid alternatives are:\n{_options(function.name, function.overloads)}\n{_HINT}"
    )


def _shown(args: Sequence[SqlType]) -> str:
    texts = ["null" if arg is NULL else arg.base if arg.base == LAMBDA else str(arg).replace("`", "") for arg in args]
    return f"({', '.join(texts)})"


def _options(name: str, overloads: Sequence[Overload]) -> str:
    return "\n".join(one.signature.shown(name) for one in overloads)


def builtin_functions() -> FunctionRegistry:
    """Return the registry with every function that ships with the engine."""
    modules = (
        arrays,
        binary,
        conditional,
        geo,
        json_text,
        lambdas,
        maps,
        masks,
        numbers,
        regex,
        strings,
        temporal,
        urls,
    )
    scalars = [function for module in modules for function in module.FUNCTIONS]
    return FunctionRegistry(scalars, AGGREGATES, TABLE_FUNCTIONS)
