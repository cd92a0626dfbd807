"""All functions by name, and which overload a call means."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from ksql_engine.errors import StatementError
from ksql_engine.functions import collections as collection_functions
from ksql_engine.functions import json_text, numbers, strings, temporal
from ksql_engine.functions.aggregate import AggregateFunction, Config
from ksql_engine.functions.aggregates import AGGREGATES
from ksql_engine.functions.signature import Match, ScalarFunction, match
from ksql_engine.types import SqlType


class FunctionRegistry:
    """The functions an engine knows; names are in upper case. `config` holds the properties that change some."""

    def __init__(self, scalars: Sequence[ScalarFunction], aggregates: Sequence[AggregateFunction]) -> None:
        """Keep both kinds by name."""
        self.scalars = {function.name: function for function in scalars}
        self.aggregates = {function.name: function for function in aggregates}
        self.config: Config = {}

    def with_config(self, config: Config) -> FunctionRegistry:
        """Return the same functions under other properties."""
        made = copy(self)
        made.config = config
        return made

    def is_aggregate(self, name: str) -> bool:
        """Tell whether `name` is an aggregate function."""
        return name in self.aggregates

    def resolve(self, name: str, args: Sequence[SqlType]) -> Match:
        """Return the cheapest overload of `name` for `args`. Raises StatementError when none fits."""
        function = self.scalars.get(name)
        if function is None:
            raise StatementError(f"Can't find any functions with the name '{name}'")
        fits = [found for found in (match(overload, args) for overload in function.overloads) if found]
        if fits:
            return min(fits, key=lambda found: found.cost)
        shown = ", ".join(str(arg) for arg in args)
        options = "\n".join(overload.signature.shown(name) for overload in function.overloads)
        raise StatementError(
            f"Function '{name}' does not accept parameters ({shown}).\nValid alternatives are:\n{options}\n"
            f"For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
        )


def builtin_functions() -> FunctionRegistry:
    """Return the registry with every function that ships with the engine."""
    scalars = (
        *strings.FUNCTIONS,
        *numbers.FUNCTIONS,
        *collection_functions.FUNCTIONS,
        *temporal.FUNCTIONS,
        *json_text.FUNCTIONS,
    )
    return FunctionRegistry(scalars, AGGREGATES)
