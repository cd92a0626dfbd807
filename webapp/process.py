"""What the processes without a port have in common: logs, signals, exit codes."""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from contracts.errors import ClusterMismatch
from webapp.pulse import Pulse

EXIT_FOREIGN_CLUSTER = 78
LOG = logging.getLogger(__name__)


def run_service(service: str, run_dir: Path, work: Callable[[threading.Event, Pulse], None]) -> int:
    """Run `work` until SIGTERM or SIGINT sets its event. Returns the process's exit code.

    A foreign cluster's state ends the process with 78 and the remedy: starting again would not help.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    pulse = Pulse(run_dir, service)
    try:
        work(stop, pulse)
    except ClusterMismatch as error:
        LOG.error("%s", error)
        pulse.beat("failed", reason=str(error))
        return EXIT_FOREIGN_CLUSTER
    return 0
