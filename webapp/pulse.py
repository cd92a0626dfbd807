"""The heartbeat of a service without a port."""

import time
from pathlib import Path
from typing import Any

from contracts.heartbeat import write_heartbeat

EVERY_S = 3.0


class Pulse:
    """Writes the heartbeat of `service` when its state changes, else every few seconds."""

    def __init__(self, run_dir: Path, service: str) -> None:
        self._run_dir = run_dir
        self._service = service
        self._state = ""
        self._next = 0.0

    def is_due(self, state: str) -> bool:
        """Whether a beat would be written now; spares the caller to collect details."""
        return state != self._state or time.monotonic() >= self._next

    def beat(self, state: str, **detail: Any) -> None:
        """Say that the service is in `state` ("starting", "running", "waiting", "failed")."""
        if not self.is_due(state):
            return
        write_heartbeat(self._run_dir, self._service, state, **detail)
        self._state = state
        self._next = time.monotonic() + EVERY_S
