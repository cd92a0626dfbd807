"""Checks of the machine: Python, memory, disk, ports."""

import errno
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing

import psutil

from scripts.stack.bootstrap_venv import BootstrapFailed, check_python
from scripts.stack.doctor.finding import Finding, error, warning
from scripts.stack.lab import NativeLab
from scripts.stack.records import is_ours
from scripts.stack.services import Service
from scripts.stack.supervision import socket_path

MIN_FREE_GB, GOOD_FREE_GB = 1.0, 4.0
SOCKET_PATH_LIMIT = 100


def python_version(_lab: NativeLab) -> Iterator[Finding]:
    """The locked packages are made for some versions of Python."""
    try:
        check_python(sys.version_info[:2])
    except BootstrapFailed as failed:
        text, _, remedy = str(failed).partition(" Remedy: ")
        yield error(text, remedy)


def memory(lab: NativeLab) -> Iterator[Finding]:
    """What is not running yet must fit into what is free."""
    needed = sum(each.memory_mb for each in lab.services if not lab.is_alive(each.name))
    free = psutil.virtual_memory().available / 1e6
    text = f"{free:.0f} MB of memory are free, {needed} MB are needed for what is not running yet"
    remedy = "close other programs, or make the heaps smaller (LAB_SPARK_HEAP_MB, LAB_KAFKA_HEAP_MB)"
    if free < needed / 2:
        yield error(text, remedy)
    elif free < needed:
        yield warning(text, remedy)


def disk(lab: NativeLab) -> Iterator[Finding]:
    """Topics, tables and downloads need room."""
    folder = next(each for each in (lab.settings.home, *lab.settings.home.parents) if each.exists())
    free = shutil.disk_usage(folder).free / 1e9
    text = f"{free:.1f} GB are free on the disk of {folder}"
    remedy = "make room, or put the lab's data elsewhere with LAB_HOME"
    if free < MIN_FREE_GB:
        yield error(f"{text}; {MIN_FREE_GB:.0f} GB are the least", remedy)
    elif free < GOOD_FREE_GB:
        yield warning(f"{text}; {GOOD_FREE_GB:.0f} GB are good", remedy)


def socket_name(lab: NativeLab) -> Iterator[Finding]:
    """The system allows the path of a socket about 100 characters."""
    path = socket_path(lab.settings.run_dir)
    if len(str(path)) > SOCKET_PATH_LIMIT:
        yield error(f"the temporary folder's path is too long for a socket: {path}", "set TMPDIR to a short path")


def ports(lab: NativeLab) -> Iterator[Finding]:
    """Each service's ports must be free, or held by this very lab."""
    for service in lab.services:
        for port in service.ports:
            if is_free(lab.settings.host, port):
                continue
            holder = port_holder(port)
            if holder is None or not is_ours(lab.settings.run_dir, holder):
                yield _port_finding(service, port, holder)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen at `host:port`."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as failed:
            return failed.errno != errno.EADDRINUSE
    return True


def port_holder(port: int) -> psutil.Process | None:
    """The process that listens on `port`, None when the system does not tell."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        # macOS tells about other users' processes to root alone.
        found = []
    for each in found:
        if each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN and each.pid:
            try:
                return psutil.Process(each.pid)
            except psutil.Error:
                return None
    return None


def _port_finding(service: Service, port: int, holder: psutil.Process | None) -> Finding:
    who = "a program that the system does not name"
    if holder:
        try:
            who = f"{holder.name()} (process {holder.pid}, of {holder.username()}): {' '.join(holder.cmdline())[:120]}"
        except psutil.Error:
            who = f"process {holder.pid}"
    text = f"port {port} of {service.name} is in use by {who}"
    remedy = "stop that program, or move all ports of the lab: LAB_PORT_OFFSET=1000 make up"
    # Spark's pages move to the next port by themselves.
    return error(text, remedy) if service.listens else warning(text, remedy)
