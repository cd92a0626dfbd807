"""Where queries are at home: spread by what they have to do, and kept over restarts."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from ksql_engine.plan.model import QueryPlan, sources_of

_LOG = logging.getLogger(__name__)
_UNEVEN: Final = 1.25
_MEASURED_SECONDS: Final = 10.0


class Homes:
    """The worker of each query, in a file. Not safe for threads: its owner holds a lock.

    A query weighs as much as the number of sources it reads, or what its share of the processor time was in an earlier
    run, and goes where least is to be done. Among equals, it does not go where a query is that writes what it reads:
    the stages of a chain work at the same time. Homes that were measured to be uneven are given up at the next start.
    """

    def __init__(self, path: Path, workers: int) -> None:
        """Keep homes of `workers` workers in the file `path`."""
        self._path, self._workers = path, workers
        self._homes: dict[str, int] = {}
        self._measured: dict[str, float] = {}
        self._plans: dict[str, QueryPlan] = {}
        self._read()

    def _read(self) -> None:
        """Read the file; without it all is placed anew: homes change nothing but the speed."""
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            homes = {str(query_id): int(home) for query_id, home in held["homes"].items()}
            self._measured = {str(query_id): float(weight) for query_id, weight in held["measured"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            _LOG.warning("%s is not used: %s", self._path, error)
            return
        self._homes = {query_id: home for query_id, home in homes.items() if 0 <= home < self._workers}

    def of(self, query_id: str) -> int:
        """Return the number of the worker of a query that was placed."""
        return self._homes[query_id]

    def place(self, plans: Sequence[tuple[str, QueryPlan]], running: Collection[str]) -> None:
        """Find a home for each of some queries beside those that are running; nothing else is placed any more."""
        starting = not running
        self._plans = {query_id: plan for query_id, plan in self._plans.items() if query_id in running}
        self._plans.update(plans)
        self._homes = {query_id: home for query_id, home in self._homes.items() if query_id in self._plans}
        order = list(plans)
        if starting and self._is_uneven():
            self._homes.clear()
            order.sort(key=lambda one: -self._weight(*one))
        for query_id, plan in order:
            if query_id not in self._homes:
                self._homes[query_id] = self._lightest(plan)
        self._write()

    def _weight(self, query_id: str, plan: QueryPlan) -> float:
        return self._measured.get(query_id, float(len(plan.sources)))

    def _is_uneven(self) -> bool:
        """Tell whether measured weights could clearly be spread better."""
        weights = [self._weight(query_id, plan) for query_id, plan in self._plans.items()]
        if not weights or not all(query_id in self._measured for query_id in self._plans):
            return False
        return max(self._loads()) > _UNEVEN * max(sum(weights) / self._workers, *weights)

    def _loads(self) -> list[float]:
        """Return what each worker has to do."""
        loads = [0.0] * self._workers
        for query_id, home in self._homes.items():
            loads[home] += self._weight(query_id, self._plans[query_id])
        return loads

    def _lightest(self, plan: QueryPlan) -> int:
        loads = self._loads()
        topics = {step.source.topic for step in sources_of(plan.step)}
        before = {
            self._homes.get(query_id)
            for query_id, other in self._plans.items()
            if other.sink is not None and other.writes and other.sink.topic in topics
        }
        return min(range(self._workers), key=lambda number: (loads[number], number in before, number))

    def measured(self, cpu_s: Mapping[str, float]) -> None:
        """Note the processor time that queries have used, in seconds, where it is enough to tell something.

        It is kept as weights of the same sum as those by the number of sources, so that new queries fit in.
        """
        used = {query_id: cpu_s.get(query_id, 0.0) for query_id in self._plans}
        total = sum(used.values())
        if total >= _MEASURED_SECONDS:
            weights = sum(len(plan.sources) for plan in self._plans.values())
            self._measured = {query_id: seconds / total * weights for query_id, seconds in used.items()}
            self._write()

    def _write(self) -> None:
        part = self._path.with_suffix(".part")
        try:
            part.write_text(json.dumps({"homes": self._homes, "measured": self._measured}), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self._path, error)
