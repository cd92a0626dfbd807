"""A lab of its own on free ports, for tests: it starts what it is asked for, and leaves nothing running."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from contracts.model import Lab
from contracts.settings import Settings
from scripts.stack.errors import NotReady, ServiceDied
from scripts.stack.jars.fetch import ensure_jars
from scripts.stack.java import ensure_java_home
from scripts.stack.lab import NativeLab
from scripts.stack.start import Say

ATTEMPTS = 3
ELSEWHERE: dict[str, Any] = dict.fromkeys(("kafka_bootstrap", "schema_registry", "ksql_server", "redis_server"))


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Ports that nobody holds now; another process may take one before it is used."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def trial_settings(home: Path, **changes: Any) -> Settings:
    """Settings of a lab in `home` on free ports, with small heaps."""
    names = [name for name in Settings.model_fields if name.startswith("port_") and name != "port_offset"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    small = {"kafka_heap_mb": 192, "registry_heap_mb": 128, "redis_max_mb": 64}
    return Settings(**{"home": home.resolve(), "port_offset": 0, **ELSEWHERE, **small, **ports, **changes})


@contextmanager
def trial_lab(
    home: Path, declared: Lab, names: Sequence[str], say: Say, *, bootstrap: bool = False, **changes: Any
) -> Iterator[NativeLab]:
    """Run the named services (all without names) of a lab in `home`, and stop them at the end, come what may.

    Ports are tried again when another program was quicker.

    Raises:
        StackError: the services cannot be started.
    """
    lab = _started(home, declared, names, say, bootstrap=bootstrap, changes=changes)
    try:
        yield lab
    finally:
        lab.down(say)


def _started(
    home: Path, declared: Lab, names: Sequence[str], say: Say, *, bootstrap: bool, changes: dict[str, Any]
) -> NativeLab:
    for attempt in range(1, ATTEMPTS + 1):
        settings = trial_settings(home, **changes)
        ensure_jars(settings.cache_dir, say)
        ensure_java_home(settings.cache_dir)
        lab = NativeLab.build(settings, declared)
        try:
            lab.up(list(names), say, bootstrap=bootstrap)
        except (ServiceDied, NotReady) as error:
            lab.down(say)
            if attempt == ATTEMPTS or "in use" not in str(error):
                raise
        except BaseException:
            lab.down(say)
            raise
        else:
            return lab
    raise AssertionError("not reached: the last attempt returns or raises")
