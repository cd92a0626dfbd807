"""Heartbeat files: how a service without a port says that it is ready, alive, and what it is doing.

One JSON file per service below `.lab/run/`, replaced as a whole, so a reader never sees half of one.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STALE_AFTER_S = 15.0


@dataclass(frozen=True)
class Beat:
    """The last heartbeat of a service. `state` is "starting", "running", "waiting" or "failed"."""

    service: str
    pid: int
    state: str
    at_ms: int
    detail: dict[str, Any] = field(default_factory=dict)

    def is_fresh(self, now_ms: int, stale_after_s: float = STALE_AFTER_S) -> bool:
        """Whether the service was alive within `stale_after_s` seconds before `now_ms`."""
        return now_ms - self.at_ms <= stale_after_s * 1000


def heartbeat_path(run_dir: Path, service: str) -> Path:
    """Where `service` keeps its heartbeat."""
    return run_dir / f"{service}.heartbeat.json"


def write_heartbeat(run_dir: Path, service: str, state: str, **detail: Any) -> None:
    """Say that `service` is alive and in `state`; `detail` must be JSON."""
    path = heartbeat_path(run_dir, service)
    path.parent.mkdir(parents=True, exist_ok=True)
    beat = {
        "service": service,
        "pid": os.getpid(),
        "state": state,
        "at_ms": time.time_ns() // 1_000_000,
        "detail": detail,
    }
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(beat), "utf-8")
    part.replace(path)


def read_heartbeat(run_dir: Path, service: str) -> Beat | None:
    """The last heartbeat of `service`, or None when it never beat or the file is not one."""
    try:
        return Beat(**json.loads(heartbeat_path(run_dir, service).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
