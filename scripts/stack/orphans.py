"""Services whose supervisor was killed: they go on without anybody to restart or stop them."""

import psutil

from contracts.settings import Settings
from scripts.stack.records import end_processes, group_members, read_started, recorded_services
from scripts.stack.supervision import Supervisor

STOP_S = 15.0


def find_orphans(settings: Settings, supervisor: Supervisor) -> list[str]:
    """Services that run although no supervisor of this lab does."""
    if supervisor.is_running():
        return []
    return [name for name in recorded_services(settings.run_dir) if _members(settings, name)]


def end_orphans(settings: Settings, supervisor: Supervisor) -> list[str]:
    """End them, every process that belongs to them, and a supervisor that no longer answers. Returns their names."""
    orphans = find_orphans(settings, supervisor)
    if not supervisor.is_running() and (silent := supervisor.process()):
        end_processes([silent])
    end_processes([process for name in orphans for process in _members(settings, name)], STOP_S)
    if not supervisor.is_running():
        supervisor.pid_file.unlink(missing_ok=True)
    return orphans


def _members(settings: Settings, name: str) -> list[psutil.Process]:
    started = read_started(settings.run_dir, name)
    return group_members(started) if started else []
