"""Starts the lab in order of readiness, as much at once as the needs allow, and stops it in the other direction."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

import psutil

from contracts.settings import Settings
from scripts.stack.deadline import POLL_S, Deadline, wait_until
from scripts.stack.errors import NotReady, ServiceDied, StackError
from scripts.stack.services import Service, is_station
from scripts.stack.supervision import Supervisor, log_file

LOG_END_LINES = 25
STOPPED = ("STOPPED", "EXITED", "FATAL")
KILL_S = 15
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One thing that must be done before others: `work` returns when it is done, and raises when it cannot be."""

    name: str
    needs: tuple[str, ...]
    work: Callable[[threading.Event], None]


def run_steps(steps: Iterable[Step]) -> None:
    """Run each step once its needs are done; a need that is no step counts as done.

    Raises:
        Exception: the first failure of a step; the steps that wait are given up.
    """
    plan = {step.name: step for step in steps}
    ready = {name: threading.Event() for name in plan}
    cancel = threading.Event()

    def run(step: Step) -> None:
        needs_done = all(_wait_for(ready[need], cancel) for need in step.needs if need in ready)
        if needs_done and not cancel.is_set():
            step.work(cancel)
            ready[step.name].set()

    with ThreadPoolExecutor(max_workers=max(1, len(plan)), thread_name_prefix="start") as pool:
        futures = [pool.submit(run, step) for step in plan.values()]
        try:
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            cancel.set()
    for future in finished:
        future.result()


def _wait_for(ready: threading.Event, cancel: threading.Event) -> bool:
    while not cancel.is_set():
        if ready.wait(POLL_S):
            return True
    return False


def service_step(settings: Settings, supervisor: Supervisor, service: Service, say: Say) -> Step:
    """The step that starts one service and waits until it is ready."""

    def work(cancel: threading.Event) -> None:
        deadline = Deadline(settings.start_deadline_s)
        service.prepare()
        supervisor.start(service.name)
        wait_ready(settings, supervisor, service, cancel)
        if not cancel.is_set():
            say(f"{service.name} is ready after {deadline.elapsed:.1f} s {service.url}".rstrip())

    return Step(service.name, service.needs, work)


def wait_ready(settings: Settings, supervisor: Supervisor, service: Service, cancel: threading.Event) -> None:
    """Wait until `service` is ready.

    Raises:
        ServiceDied: its process ended; with the end of its log.
        NotReady: the deadline passed; with the end of its log.
    """
    first_pid = supervisor.info(service.name).pid

    def ready_or_dead() -> bool:
        info = supervisor.info(service.name)
        if not info.alive or (first_pid and info.pid != first_pid):
            raise ServiceDied(f"{service.name} ended while it was starting. {log_end(settings, service.name)}")
        return service.ready() and listens(service, info.pid)

    if not wait_until(ready_or_dead, settings.start_deadline_s, cancel=cancel) and not cancel.is_set():
        seconds = settings.start_deadline_s
        raise NotReady(f"{service.name} is not ready after {seconds:.0f} s. {log_end(settings, service.name)}")


def listens(service: Service, pid: int) -> bool:
    """Whether the first port of the service is held by process `pid` or its children, and not by a stranger's."""
    if not service.listens:
        return True
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        held = {each.laddr.port for member in family for each in member.net_connections("tcp") if each.laddr}
    except psutil.Error:
        return False
    return service.ports[0] in held


def stop_services(supervisor: Supervisor, services: Iterable[Service], say: Say) -> None:
    """Stop services, the stations before the servers they need; supervisord kills what does not stop in its time."""
    running = [service for service in services if not _is_stopped(supervisor, service.name)]
    stations = [each for each in running if is_station(each)]
    for wave in (stations, [each for each in running if each not in stations]):
        for service in wave:
            supervisor.stop(service.name)
        for service in wave:
            if not wait_until(partial(_is_stopped, supervisor, service.name), service.stop_seconds + KILL_S):
                raise StackError(f"{service.name} could not be stopped, not even by kill")
            say(f"{service.name} stopped")


def log_end(settings: Settings, service: str, lines: int = LOG_END_LINES) -> str:
    """The end of a service's log, with a line that says where the rest is."""
    path = log_file(settings, service)
    try:
        text = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return f"It wrote no log ({path})."
    return f"The end of {path}:\n" + "\n".join(text[-lines:])


def _is_stopped(supervisor: Supervisor, name: str) -> bool:
    return supervisor.info(name).state in STOPPED
