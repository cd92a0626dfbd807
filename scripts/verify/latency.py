"""What a row of latencies says. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from scripts.verify.play import Hops


@dataclass(frozen=True)
class Spread:
    """Percentiles of a row of seconds, each a value that was measured (nearest rank)."""

    count: int
    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True)
class Latencies:
    """Seconds from the click to the live and to the gold view; the first click apart, for it finds the lab cold."""

    first_live_s: float
    first_gold_s: float
    live: Spread | None
    gold: Spread | None

    def as_json(self) -> dict[str, object]:
        """As JSON, in seconds with three places."""
        found = asdict(self)
        return {name: _rounded(value) for name, value in found.items()}


def spread(seconds: Sequence[float]) -> Spread | None:
    """The spread of `seconds`, None of none."""
    if not seconds:
        return None
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Spread(len(ordered), rank(0.5), rank(0.95), ordered[-1])


def latencies(hops: Sequence[Hops]) -> Latencies:
    """The latencies of orders made one after another; there is at least one."""
    live = [hop.live or 0.0 for hop in hops]
    gold = [hop.gold or 0.0 for hop in hops]
    return Latencies(live[0], gold[0], spread(live[1:]), spread(gold[1:]))


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value
