"""Results that come while they are read: a thread fills a bounded queue, so a slow client slows only itself."""

from __future__ import annotations

import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaException

from ksql_engine.errors import KsqlError
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.runtime.engine import describe_failure

_LOG = logging.getLogger(__name__)
POLL_SECONDS: Final = 0.5
_QUEUE_ITEMS: Final = 1000
_START_SECONDS: Final = 10.0
_PUT_SECONDS: Final = 0.2


class Live(ABC):
    """Items for one client. `error` says why it ended, None when nothing failed."""

    def __init__(self, query_id: str, limit: int | None) -> None:
        """Prepare; `start` begins. It ends after `limit` items, if there is one."""
        self.query_id = query_id
        self.limit = limit
        self.error: str | None = None
        self._items: queue.Queue[Any] = queue.Queue(_QUEUE_ITEMS)
        self._stop = threading.Event()
        self._reading = threading.Event()
        self._changed: Callable[[], None] = lambda: None
        self._sent = 0
        self._done = False
        self._thread = threading.Thread(target=self._run, name=query_id, daemon=True)

    def start(self) -> None:
        """Start, and wait until it is settled where reading begins: records after this are seen."""
        self._thread.start()
        self._reading.wait(_START_SECONDS)

    def close(self) -> None:
        """End; does not wait."""
        self._stop.set()

    def on_change(self, call: Callable[[], None]) -> None:
        """Call `call`, from another thread, whenever there may be something to take."""
        self._changed = call
        call()

    @property
    def limited(self) -> bool:
        """Whether as many items were found as the limit allows."""
        return self.limit is not None and self._sent >= self.limit

    def take(self) -> Any:
        """Return the next item, or None when there is none yet. Raises StopIteration at the end."""
        # Asked first: whoever ends puts nothing after.
        done = self._done
        try:
            return self._items.get_nowait()
        except queue.Empty:
            if done:
                raise StopIteration from None
            return None

    @abstractmethod
    def _read(self) -> None:
        """Read until finished; runs on the thread."""

    def _begin(self, feed: InputFeed, from_latest: tuple[str, ...]) -> None:
        feed.start({}, from_latest)
        self._reading.set()

    def _run(self) -> None:
        try:
            self._read()
        except (KafkaException, KsqlError) as error:
            self.error = describe_failure(error)
        except Exception as error:
            _LOG.exception("%s failed", self.query_id)
            self.error = str(error)
        finally:
            self._done = True
            self._reading.set()
            self._changed()

    def _finished(self) -> bool:
        return self._stop.is_set() or self.limited

    def _put(self, item: Any) -> None:
        """Count and queue an item; wait for the client, but not after the end."""
        self._sent += 1
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=_PUT_SECONDS)
            except queue.Full:
                continue
            self._changed()
            return
