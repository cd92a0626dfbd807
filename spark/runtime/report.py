"""What the driver says of itself: one heartbeat from what its threads note."""

import threading
import time
from pathlib import Path
from typing import Any

from contracts.heartbeat import write_heartbeat


class Report:
    """Notes of all threads, written as one heartbeat."""

    def __init__(self, run_dir: Path, service: str) -> None:
        self._run_dir = run_dir
        self._service = service
        self._lock = threading.Lock()
        self._state = "starting"
        self._troubles: dict[str, str] = {}
        self._steps: dict[str, dict[str, Any]] = {}

    def running(self) -> None:
        """All steps are up."""
        with self._lock:
            self._state = "running"

    def trouble(self, who: str, reason: str | None) -> None:
        """Note why `who` cannot go on, or with None that it can again."""
        with self._lock:
            known = self._troubles.pop(who, None)
            if reason is not None:
                self._troubles[who] = reason
        if reason != known:
            say(f"{who}: {reason}" if reason else f"{who}: goes on")

    def turn(self, step: str, rows: int | None, seconds: float) -> None:
        """Note a step's last turn."""
        with self._lock:
            turns = self._steps.get(step, {}).get("turns", 0) + 1
            self._steps[step] = {
                "turns": turns,
                "rows": rows,
                "seconds": round(seconds, 3),
                "at_ms": time.time_ns() // 1_000_000,
            }

    def beat(self, **detail: Any) -> None:
        """Write the heartbeat: "waiting" as long as anyone has trouble."""
        with self._lock:
            state = "waiting" if self._troubles and self._state == "running" else self._state
            reason = {"reason": "; ".join(f"{who}: {why}" for who, why in self._troubles.items())}
            steps = dict(self._steps)
            troubled = bool(self._troubles)
        write_heartbeat(self._run_dir, self._service, state, steps=steps, **detail, **(reason if troubled else {}))


def say(text: str) -> None:
    """One line for the log."""
    print(f"{time.strftime('%H:%M:%S')} spark: {text}", flush=True)


def in_short(error: Exception) -> str:
    """One line of an error: what it is and its first telling words. Java's stack traces follow them."""
    lines = str(getattr(error, "java_exception", None) or error).strip().splitlines() or [repr(error)]
    return f"{type(error).__name__}: {lines[0][:300]}"
