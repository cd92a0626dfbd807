"""The end of what a benchmark started."""

import subprocess


def end(process: subprocess.Popen[bytes], within_s: float) -> None:
    """End a process: politely, and after `within_s` seconds not."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
