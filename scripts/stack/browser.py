"""Chromium for the browser tests: there, or installed by the system's package manager, or a clear remedy.

Runs with the system's Python as well: it needs the standard library only.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def find_browser() -> "str | None":
    """The path of a Chromium or Chrome, None without one."""
    found = (shutil.which(name) for name in (*NAMES, MAC))
    return next((path for path in found if path), None)


def main() -> int:
    """Make sure that there is a browser. Returns the exit code."""
    if find_browser():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing Chromium for the browser tests with apt-get", flush=True)
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "chromium"]):
            subprocess.run(command, check=False)
        if find_browser():
            return 0
    print(
        "no Chromium for the browser tests. Remedy: install it with the system's package manager "
        "(apt install chromium, brew install --cask chromium), then make test",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
