"""What each service is doing now."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from contracts.heartbeat import read_heartbeat
from contracts.settings import Settings
from scripts.stack.errors import NotRunning
from scripts.stack.lab import NativeLab
from scripts.stack.lag import consumer_lags
from scripts.stack.records import read_started, uptime_s
from scripts.stack.services import Service
from scripts.stack.start import listens

READY = "ready"
SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class ServiceStatus:
    """One row: `state` is ready, starting, waiting, restarting, failed, stopped or orphaned; memory is PSS in MB."""

    name: str
    state: str
    url: str = ""
    pid: int | None = None
    uptime_s: float | None = None
    restarts: int = 0
    memory_mb: float | None = None
    lag: int | None = None
    detail: str = ""


def lab_status(lab: NativeLab) -> list[ServiceStatus]:
    """One row per service, in the order of the flow, and one for the supervisor."""
    with ThreadPoolExecutor(max_workers=len(lab.services) + 1) as pool:
        lags = pool.submit(lambda: consumer_lags(lab.settings, lab.services) if lab.supervisor.is_running() else {})
        rows = list(pool.map(lambda service: _row(lab, service), lab.services))
        behind = lags.result()
    with_lag = [ServiceStatus(**{**vars(row), "lag": behind.get(row.name)}) for row in rows]
    return [*with_lag, _supervisor_row(lab)]


def family(process: psutil.Process) -> list[psutil.Process]:
    """The process and everything below it."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Memory in MB: proportional where the system tells it (Linux), else what belongs to the processes alone."""
    total = 0
    for process in processes:
        try:
            full = process.memory_full_info()
        except psutil.Error:
            continue
        total += getattr(full, "pss", full.uss)
    return total / 1e6


def _row(lab: NativeLab, service: Service) -> ServiceStatus:
    started = read_started(lab.settings.run_dir, service.name)
    process = started.process() if started else None
    state, detail = _state(lab, service, process)
    return ServiceStatus(
        name=service.name,
        state=state,
        url=service.url,
        pid=process.pid if process else None,
        uptime_s=uptime_s(process) if process else None,
        restarts=started.restarts if started else 0,
        memory_mb=memory_mb(family(process)) if process else None,
        detail=detail,
    )


def _state(lab: NativeLab, service: Service, process: psutil.Process | None) -> tuple[str, str]:
    try:
        info = lab.supervisor.info(service.name)
    except NotRunning:
        return ("orphaned", "make up or make down ends it") if process else ("stopped", "")
    if info.alive and service.ready() and listens(service, info.pid):
        return READY, ""
    if info.alive:
        return _unready(lab.settings, service)
    if info.state == "BACKOFF":
        return "restarting", f"it ends again and again: make logs S={service.name}"
    return ("stopped", "") if info.state in ("STOPPED", "STOPPING") else ("failed", f"make logs S={service.name}")


def _unready(settings: Settings, service: Service) -> tuple[str, str]:
    """Alive and not ready: what its heartbeat says, else that it is starting."""
    beat = read_heartbeat(settings.run_dir, service.name)
    if beat and beat.is_fresh(time.time_ns() // 1_000_000) and beat.state != "running":
        return beat.state, str(beat.detail.get("reason", ""))
    return "starting", ""


def _supervisor_row(lab: NativeLab) -> ServiceStatus:
    process = lab.supervisor.process()
    if process is None or not lab.supervisor.is_running():
        return ServiceStatus(SUPERVISOR, "stopped")
    return ServiceStatus(SUPERVISOR, READY, pid=process.pid, uptime_s=uptime_s(process), memory_mb=memory_mb([process]))
