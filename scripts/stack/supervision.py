"""Supervisor (supervisord) keeps the services running; this is its configuration and our end of its line."""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from contracts.heartbeat import heartbeat_path
from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.deadline import wait_until
from scripts.stack.environment import settings_environment
from scripts.stack.errors import NotReady, NotRunning
from scripts.stack.records import MARK, LaunchFile, expect_start, mark_of
from scripts.stack.services import Service

DAEMON_DEADLINE_S = 20
RPC_ERRORS = (OSError, xmlrpc.client.Error)
ALIVE = ("STARTING", "RUNNING")
# Starting again cannot help a service that ends with this: its state belongs to another cluster.
EXIT_FOREIGN_CLUSTER = 78
# A service that lived shorter than this is started again with growing pauses, a longer-lived one at once.
STEADY_S = 10


@dataclass(frozen=True)
class ProcessInfo:
    """What supervisord says of a service: its state (RUNNING, BACKOFF, …) and process id, 0 without one."""

    state: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether a process is there."""
        return self.state in ALIVE


class Supervisor:
    """The supervisord of one lab. Safe for threads."""

    def __init__(self, settings: Settings, services: tuple[Service, ...]) -> None:
        self._settings = settings
        self._services = services
        self._lock = threading.Lock()
        self.pid_file = settings.run_dir / "supervisord.pid"
        self.config_file = settings.run_dir / "supervisord.conf"
        self.socket = socket_path(settings.run_dir)

    def is_running(self) -> bool:
        """Whether our supervisord answers."""
        with suppress(*RPC_ERRORS):
            return bool(self._call("getPID") == self.pid())
        return False

    def pid(self) -> int | None:
        """The process id in the pid file, None without one."""
        try:
            return int(self.pid_file.read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def process(self) -> psutil.Process | None:
        """The supervisord of this lab, known by its command line; None when it is not there."""
        try:
            process = psutil.Process(self.pid() or -1)
            return process if str(self.config_file) in process.cmdline() else None
        except (psutil.Error, ValueError):
            return None

    def start_daemon(self) -> None:
        """Start supervisord, with no service running yet; nothing when it is there.

        Raises:
            NotReady: it does not answer.
        """
        self._write_files()
        if self.is_running():
            return
        self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config_file)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=PROJECT_DIR, timeout=DAEMON_DEADLINE_S
        )
        if done.returncode or not wait_until(self.is_running, DAEMON_DEADLINE_S):
            raise NotReady(f"supervisord did not start: {done.stderr.strip() or done.stdout.strip() or 'no answer'}")

    def info(self, service: str) -> ProcessInfo:
        """State and process of a service.

        Raises:
            NotRunning: supervisord does not answer.
        """
        try:
            answer = self._call("getProcessInfo", service)
        except RPC_ERRORS as error:
            raise NotRunning("supervisord does not answer") from error
        return ProcessInfo(str(answer["statename"]), int(answer["pid"]))

    def start(self, service: str) -> None:
        """Let a service run; nothing when it does."""
        if self.info(service).alive:
            return
        expect_start(self._settings.run_dir, service)
        # The last process's heartbeat may still be fresh; it says nothing about the next one.
        heartbeat_path(self._settings.run_dir, service).unlink(missing_ok=True)
        with suppress(xmlrpc.client.Fault):
            self._call("startProcess", service, False)

    def stop(self, service: str) -> None:
        """Tell a service to stop; `info` says when it has."""
        with suppress(xmlrpc.client.Fault):
            self._call("stopProcess", service, False)

    def shutdown(self) -> None:
        """End supervisord itself, and what it still runs."""
        with suppress(*RPC_ERRORS):
            self._call("shutdown")

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.socket}")
        with self._lock, xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _write_files(self) -> None:
        run_dir = self._settings.run_dir
        run_dir.mkdir(parents=True, exist_ok=True)
        self._settings.logs_dir.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(config_text(self._settings, self._services, self.socket), "utf-8")
        shared = settings_environment(self._settings)
        for service in self._services:
            own = {MARK: mark_of(run_dir, service.name), "PYTHONUNBUFFERED": "1"}
            LaunchFile(list(service.command), {**shared, **service.env, **own}).write(run_dir, service.name)


def socket_path(run_dir: Path) -> Path:
    """Where supervisord listens: a short path, because the system allows a socket's path about 100 characters."""
    name = hashlib.sha256(str(run_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"lab-{os.getuid()}-{name}" / "supervisor.sock"


def config_text(settings: Settings, services: tuple[Service, ...], socket: Path) -> str:
    """supervisord.conf: one program per service, none of them started by itself."""
    run, logs = _escaped(settings.run_dir), _escaped(settings.logs_dir)
    head = f"""[supervisord]
pidfile = {run}/supervisord.pid
logfile = {logs}/supervisord.log
logfile_maxbytes = 2MB
logfile_backups = 1
directory = {_escaped(PROJECT_DIR)}

[unix_http_server]
file = {_escaped(socket)}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_program(settings, service, logs) for service in services)


def log_file(settings: Settings, service: str) -> Path:
    """Where a service's output goes."""
    return settings.logs_dir / f"{service}.log"


def _program(settings: Settings, service: Service, logs: str) -> str:
    launcher = f'"{_escaped(sys.executable)}" -m scripts.stack.launch "{_escaped(settings.run_dir)}" {service.name}'
    return f"""
[program:{service.name}]
command = {launcher}
autostart = false
autorestart = unexpected
exitcodes = {EXIT_FOREIGN_CLUSTER}
startsecs = {STEADY_S}
startretries = 1000000
stopasgroup = false
killasgroup = true
stopwaitsecs = {service.stop_seconds}
redirect_stderr = true
stdout_logfile = {logs}/{service.name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""


def _escaped(value: Path | str) -> str:
    """supervisor's configuration reads % as the beginning of a variable."""
    return str(value).replace("%", "%%")
