"""Is a service ready? Each probe answers at once and never raises."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from contracts.heartbeat import read_heartbeat

Probe = Callable[[], bool]
TIMEOUT_S = 2.0


def port_open(host: str, port: int, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections at `host:port`."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def http_ready(url: str, flag: str | None = None) -> Probe:
    """Ready when `url` answers 200 and, with `flag`, when that field of the answer's JSON object is true."""

    def probe() -> bool:
        # Never by way of a proxy: the services are on this machine.
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(url, timeout=TIMEOUT_S) as answer:
                return answer.status == 200 and (flag is None or json.load(answer).get(flag) is True)
        except (URLError, OSError, ValueError):
            return False

    return probe


def heartbeat_ready(run_dir: Path, service: str) -> Probe:
    """Ready when the service's heartbeat is fresh and says "running"."""

    def probe() -> bool:
        beat = read_heartbeat(run_dir, service)
        return beat is not None and beat.state == "running" and beat.is_fresh(time.time_ns() // 1_000_000)

    return probe
