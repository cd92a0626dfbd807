"""How to see whether a station works, cheaply: each probe is a function that returns a Finding."""

import json
import socket
import time
from collections.abc import Callable
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from contracts.heartbeat import read_heartbeat
from contracts.settings import Settings
from webapp.errors import RedisUnavailable
from webapp.health import DOWN, UP, WAITING, Finding, Probe, now_ms
from webapp.read_model import ReadModel

TIMEOUT_S = 2.0


def station_probes(settings: Settings, read_model: ReadModel) -> dict[str, Probe]:
    """A probe per station, in the order of the flow."""
    return {
        "kafka": lambda: tcp(settings.bootstrap),
        "registry": lambda: http(f"{settings.registry_url}/subjects"),
        "redis": lambda: redis(read_model),
        "ksql": lambda: http(f"{settings.ksql_url}/info"),
        **{name: heartbeat(settings, name) for name in ("projector", "stage-keeper", "spark")},
    }


def tcp(servers: str) -> Finding:
    """Whether one of `servers` (host:port[,host:port]) takes connections."""
    failures = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), TIMEOUT_S):
                return Finding(UP)
        except (OSError, ValueError) as error:
            failures.append(f"{server}: {error}")
    return Finding(DOWN, "; ".join(failures))


def http(address: str) -> Finding:
    """Whether `address` answers without a failure of its own."""
    try:
        with urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the address is a setting
            answer.read()
    except HTTPError as error:
        if error.code >= 500:
            return Finding(DOWN, f"{address} answers {error.code}")
    except (URLError, OSError) as error:
        return Finding(DOWN, f"{address}: {getattr(error, 'reason', error)}")
    return Finding(UP)


def redis(read_model: ReadModel) -> Finding:
    """Whether Redis answers."""
    try:
        read_model.ping()
    except RedisUnavailable as error:
        return Finding(DOWN, str(error))
    return Finding(UP)


def heartbeat(settings: Settings, service: str) -> Callable[[], Finding]:
    """Whether `service` beats, and what it says of itself."""

    def probe() -> Finding:
        beat = read_heartbeat(settings.run_dir, service)
        if beat is None:
            return Finding(DOWN, f"{service} has not started")
        if not beat.is_fresh(now_ms()):
            seen = time.strftime("%H:%M:%S", time.localtime(beat.at_ms / 1000))
            return Finding(DOWN, f"{service} was last seen at {seen}")
        detail = json.loads(json.dumps(beat.detail))
        if beat.state == "running":
            return Finding(UP, None, detail)
        reason = beat.detail.get("reason") or f"{service} is {beat.state}"
        return Finding(DOWN if beat.state == "failed" else WAITING, str(reason), detail)

    return probe
