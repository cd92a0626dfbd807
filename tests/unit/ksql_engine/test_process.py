"""What every process of the engine sets up for itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

BIG_PIECES_BETWEEN_SMALL_ONES = """
import psutil
from ksql_engine.process import limit_memory

limit_memory()
bytes(20_000_000)  # after this, the C library by itself keeps pieces of up to 20 MB in its heaps
before = psutil.Process().memory_info().rss
pieces = [(b"x" * 250_000, b"y" * 1_000) for _ in range(400)]
held = [small for _, small in pieces]
full = psutil.Process().memory_info().rss
del pieces
print(full - before, psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of the C library of Linux")
def test_memory_of_large_pieces_is_given_back() -> None:
    command = [sys.executable, "-c", BIG_PIECES_BETWEEN_SMALL_ONES]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    full, left = map(int, done.stdout.split())
    assert full > 95_000_000
    assert left < 10_000_000
