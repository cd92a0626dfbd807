"""Becomes one service: `python -m scripts.stack.launch <run folder> <service>`, called by the supervisor.

It notes the process id, counts restarts that nobody asked for, ends what a killed predecessor left behind, its last
heartbeat too, and then turns into the service itself, so that no process of ours stays between the supervisor and it.
"""

import os
import sys
from pathlib import Path

from contracts.heartbeat import heartbeat_path
from scripts.stack.records import LaunchFile, end_leftovers, note_start


def main(run_dir: Path, service: str) -> None:
    """Replace this process by the service."""
    launch = LaunchFile.read(run_dir, service)
    end_leftovers(run_dir, service)
    heartbeat_path(run_dir, service).unlink(missing_ok=True)
    note_start(run_dir, service, os.getpid())
    os.chdir(launch.folder)
    os.environ.update(launch.env)
    sys.stdout.flush()
    os.execvp(launch.command[0], launch.command)  # noqa: S606 - a list built by services.py, no shell


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
