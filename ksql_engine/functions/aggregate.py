"""What an aggregate function is: states are plain data that are never changed in place.

So an old state can be kept while a new one is made from it, and every state can be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ksql_engine.errors import StatementError
from ksql_engine.types import SqlType

Config = Mapping[str, Any]
"""Properties of the server and the session by name."""


@dataclass(frozen=True)
class Aggregator:
    """One aggregate call made ready.

    `add(state, value) -> state` takes a value in, `undo` takes one back (None: not for tables), `merge` makes one state
    of two sessions' states, the earlier session first, and `result` shows a state (None: the state is what is shown).
    `values` says how many leading arguments are passed: none, one as it is, several as a tuple. The arguments after
    them are constants. `nested` says that ksqlDB's own state of the function is no single primitive, which some value
    formats cannot hold.
    """

    returns: SqlType
    initial: Any
    add: Callable[[Any, Any], Any]
    merge: Callable[[Any, Any], Any]
    undo: Callable[[Any, Any], Any] | None = None
    result: Callable[[Any], Any] | None = None
    values: int = 1
    nested: bool = True


@dataclass(frozen=True)
class Arguments:
    """What a call gives: the type of each argument, the value of each that is a literal (else None), and properties."""

    types: Sequence[SqlType]
    constants: Sequence[Any]
    config: Config


Resolver = Callable[[Arguments], "Aggregator | None"]
"""Returns the aggregator for a call, or None when the arguments do not fit."""


@dataclass(frozen=True)
class AggregateFunction:
    """A function from many rows to a value; `forms` are its parameters as messages show them."""

    name: str
    description: str
    forms: tuple[str, ...]
    resolve: Resolver

    def aggregator(self, args: Arguments) -> Aggregator:
        """Return the aggregator for a call. Raises StatementError when the arguments do not fit."""
        found = self.resolve(args)
        if found is not None:
            return found
        shown = ", ".join(str(kind) for kind in args.types)
        options = "\n".join(f"{self.name}({form})" for form in self.forms)
        raise StatementError(
            f"Function '{self.name}' does not accept parameters ({shown}).\nValid alternatives are:\n{options}\n"
            f"For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
        )
