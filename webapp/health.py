"""Which stations are up, since when, and why not."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LOG = logging.getLogger(__name__)
EVERY_S = 5.0
UP, WAITING, DOWN, UNKNOWN = "up", "waiting", "down", "unknown"


@dataclass(frozen=True)
class Finding:
    """What a probe found: "up", "waiting" (it runs but cannot work) or "down", and why."""

    state: str
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StationState:
    """A station's state and since when (ms since 1970 UTC) it has been seen in it."""

    name: str
    state: str
    since_ms: int
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The state as the API gives it."""
        return {**asdict(self), "up": self.state == UP}


Probe = Callable[[], Finding]


def now_ms() -> int:
    """The present in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Health:
    """Probes every station now and then, and tells `on_change` when one's state or reason changes."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        on_change: Callable[[list[StationState]], None],
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._probes = dict(probes)
        self._on_change = on_change
        self._clock_ms = clock_ms
        started = clock_ms()
        self._states = {name: StationState(name, UNKNOWN, started, "not looked at yet") for name in self._probes}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def states(self) -> list[StationState]:
        """The stations in the order of the flow."""
        return list(self._states.values())

    def troubles(self) -> list[StationState]:
        """The stations that do not work."""
        return [state for state in self.states() if state.state in (WAITING, DOWN)]

    def probe_once(self) -> None:
        """Look at every station now."""
        before = self.states()
        for name, probe in self._probes.items():
            self._states[name] = self._next(self._states[name], probe())
        if [(s.state, s.reason) for s in before] != [(s.state, s.reason) for s in self.states()]:
            self._on_change(self.states())

    def start(self) -> None:
        """Begin to look every few seconds; a second call does nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="health", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.probe_once()
            except Exception:
                LOG.exception("a probe failed in an unforeseen way")
            self._stop.wait(EVERY_S)

    def _next(self, last: StationState, found: Finding) -> StationState:
        same = last.state == found.state
        since_ms = last.since_ms if same else self._clock_ms()
        return StationState(last.name, found.state, since_ms, found.reason, found.detail)
