"""Generated Python code with what is known of its value."""

from __future__ import annotations

from dataclasses import dataclass

from ksql_engine.types import SqlType


@dataclass(frozen=True)
class Code:
    """Python code for a value of `type`.

    `maybe_null` False says that it is never None; `simple` that it needs no temporary; `safe` that it never raises.
    """

    text: str
    type: SqlType
    maybe_null: bool = True
    simple: bool = False
    safe: bool = False

    @property
    def quiet(self) -> bool:
        """Whether evaluating it never raises."""
        return self.safe or self.simple
