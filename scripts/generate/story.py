"""The order of things in one run: good events, faults in between, and what must follow later."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from contracts.faults import FAULTS, Fault, Kind
from scripts.generate.faults import INJECTORS, Bench, Later
from scripts.generate.population import Population
from scripts.generate.records import Record, record_of
from webapp.commands.framing import AvroFramer


@dataclass(frozen=True)
class _Due:
    """A good event that has to wait until so many steps were made."""

    at_step: int
    later: Later


class Story:
    """Makes the records of a run, step by step.

    Args:
        bad: the share of steps that inject a fault, 0 to 1. Faults take turns, in an order drawn anew for each
            round, so all appear equally often; so do the kinds of record a fault can be in.
    """

    def __init__(self, seed: int, run_id: str, bad: float, framer: AvroFramer) -> None:
        self._population = Population(seed, run_id)
        self._bench = Bench(self._population, framer)
        self._framer = framer
        self._bad = bad
        self._kinds = {fault.name: cycle(fault.kinds) for fault in FAULTS}
        self._round: list[Fault] = []
        self._due: deque[_Due] = deque()
        self._step = 0
        self.injected: Counter[str] = Counter()

    def next_records(self, now_ms: int) -> list[Record]:
        """The records of the next step: one, or a few that only make sense together."""
        self._step += 1
        if self._due and self._due[0].at_step <= self._step:
            return [self._settle(self._due.popleft().later)]
        if self._bad and self._population.rng.random() < self._bad:
            return self._inject(now_ms)
        return [record_of(self._population.next_event(now_ms), self._framer)]

    def last_records(self) -> Iterator[Record]:
        """What must still follow when the run ends early."""
        while self._due:
            yield self._settle(self._due.popleft().later)

    def _inject(self, now_ms: int) -> list[Record]:
        fault, kind = self._next_fault()
        made = INJECTORS[fault.name](self._bench, kind, now_ms)
        self._bench.check(fault, made.records, now_ms)
        for later in made.later:
            self._due.append(_Due(self._step + later.after_steps, later))
        if made.later:
            self._due = deque(sorted(self._due, key=lambda due: due.at_step))
        self.injected[fault.name] += 1
        return made.records

    def _next_fault(self) -> tuple[Fault, Kind]:
        if not self._round:
            self._round = self._population.rng.sample(FAULTS, len(FAULTS))
        fault = self._round.pop()
        return fault, next(self._kinds[fault.name])

    def _settle(self, later: Later) -> Record:
        if later.joins:
            self._population.join(later.event.key)
        return record_of(later.event, self._framer, later.fault)
