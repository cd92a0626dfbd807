"""What the server and a worker say to each other, over a socket that ends with either of them.

The first message to a worker is the server's EngineSettings; then come those of `Order`, each at most once. A worker
answers what has a number with one Answer of that number, and tells of changes of its queries with Status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ksql_engine.operators.result import Entry
from ksql_engine.runtime.jobs import Job
from ksql_engine.runtime.runner import Lookup

CHUNK_ROWS: Final = 500


@dataclass(frozen=True)
class Run:
    """Start a query; answered when its state is open."""

    number: int
    job: Job


@dataclass(frozen=True)
class Pause:
    """Pause a query, or with `paused` False go on with it."""

    query_id: str
    paused: bool


@dataclass(frozen=True)
class End:
    """End a query after the batch in hand; answered when its state is closed."""

    number: int
    query_id: str


@dataclass(frozen=True)
class Pull:
    """Ask for rows of a query's result; answered with the first of them."""

    number: int
    query_id: str
    lookup: Lookup


@dataclass(frozen=True)
class More:
    """Ask for further rows of the Pull with the number `pull`."""

    number: int
    pull: int


@dataclass(frozen=True)
class Close:
    """Forget a Pull whose rows are not all wanted."""

    pull: int


@dataclass(frozen=True)
class Stop:
    """End all queries, each after the batch in hand, and the process."""


@dataclass(frozen=True)
class Answer:
    """The answer to a numbered message: an error, or for Pull and More at most CHUNK_ROWS rows; `last` has the end."""

    number: int
    error: str | None = None
    rows: list[Entry | None] = field(default_factory=list)
    last: bool = True


@dataclass(frozen=True)
class Status:
    """How a query does. `cpu_s` is the processor time of its thread since it started, where the system tells it."""

    query_id: str
    error: str | None
    processed: int
    late: int
    cpu_s: float


Order = Run | Pause | End | Pull | More | Close | Stop
Report = Answer | Status
