"""What every process of the engine sets up for itself."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Final

_M_ARENA_MAX: Final = -8


def log_to_stderr() -> None:
    """Write log lines to stderr, which all processes of an engine share; a query's thread is named by its id."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(threadName)s] %(name)s: %(message)s")


def limit_memory() -> None:
    """Keep memory small with many threads: let them share two heaps, where the C library knows that setting."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
        except (OSError, AttributeError):
            return
