"""What every process of the engine sets up for itself."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BYTES: Final = 128 * 1024
_FREE_BYTES: Final = 1024 * 1024


def log_to_stderr() -> None:
    """Write log lines to stderr, which all processes of an engine share; a query's thread is named by its id."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(threadName)s] %(name)s: %(message)s")


def limit_memory() -> None:
    """Keep memory small, where the C library knows these settings: many threads share two heaps, and what is large
    lies outside of them and is given back at once.

    By itself the C library comes to put ever larger pieces into its heaps, where small ones between them keep their
    room from being given back after a backlog.
    """
    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (OSError, AttributeError):
            return
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _FREE_BYTES)
