"""Python's collector of cycles, set for processes that make many small objects and no cycles of them."""

from __future__ import annotations

import gc
import threading
import time
from typing import Final

_YOUNG: Final = 50_000
_EVERY_SECONDS: Final = 30.0


def settle_collector() -> None:
    """Leave what is there now out of all collections, and look for cycles less often: rows never have any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 50)


def collect_by_the_clock() -> None:
    """Settle, and from now on look for cycles by the clock alone.

    A backlog holds many rows for seconds: by their number they would be looked through again and again in vain.
    """
    settle_collector()
    gc.disable()
    threading.Thread(target=_collect, name="collector", daemon=True).start()


def _collect() -> None:
    while True:
        time.sleep(_EVERY_SECONDS)
        gc.collect()
