"""A worker process: runs the queries that the server gives it, through the socket whose descriptor is the argument."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection

from ksql_engine.process import limit_memory, log_to_stderr
from ksql_engine.runtime.collector import collect_by_the_clock
from ksql_engine.runtime.workers.host import Host


def main() -> None:
    """Serve until the server says to stop or is gone."""
    # A terminal sends its signals to all processes of a group: only the server decides what they mean.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    log_to_stderr()
    limit_memory()
    link = Connection(int(sys.argv[1]))
    try:
        host = Host(link, link.recv())
    except EOFError:
        os._exit(1)
    collect_by_the_clock()
    host.serve()
    sys.stderr.flush()
    # Threads of clients that wait for an absent broker must not hold up the end: all state is closed by now.
    os._exit(0)


if __name__ == "__main__":
    main()
