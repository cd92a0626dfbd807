"""Changes for browsers: one subscription to Redis per process, one bounded queue per browser.

A slow browser never holds up the others: when its queue is full it is told to fetch everything anew.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from webapp.errors import RedisUnavailable, TooManyStreams
from webapp.read_model import Change, Customer, ReadModel

LOG = logging.getLogger(__name__)
HEARTBEAT_S = 15.0
WAIT_S = 1.0
MIN_GAP_S = 0.1
QUEUED = 50
TOO_MANY_CHANGES = 200
HEARTBEAT = ": still here\n\n"

Render = Callable[[Change, Customer], dict[str, Any]]


def message(event: str, data: Any) -> str:
    """A server-sent event."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"


REFETCH = message("refetch", {})


class Stream:
    """One browser's queue of events."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUED)

    def offer(self, text: str) -> None:
        """Queue `text`; when the browser lags too far behind, forget all and have it fetch anew. Never waits."""
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            self._empty()
            self._queue.put_nowait(REFETCH)

    def end(self) -> None:
        """Let `texts` end."""
        self._empty()
        self._queue.put_nowait(None)

    def texts(self, heartbeat_s: float = HEARTBEAT_S) -> Iterator[str]:
        """What to send, with a comment now and then that shows whether the browser is still there."""
        while True:
            try:
                text = self._queue.get(timeout=heartbeat_s)
            except queue.Empty:
                text = HEARTBEAT
            if text is None:
                return
            yield text

    def _empty(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return


class ChangeHub:
    """Spreads changed customers to all browsers. Its thread lives while a browser is there.

    Args:
        render: what browsers are told of a change and the customer as the views now say.
        most: how many browsers are served at once.
    """

    def __init__(self, read_model: ReadModel, render: Render, most: int) -> None:
        self._read_model = read_model
        self._render = render
        self._most = most
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """A new browser's stream, as long as the block runs.

        Raises:
            TooManyStreams: all places are taken.
        """
        stream = Stream()
        with self._lock:
            if len(self._streams) >= self._most or self._closed.is_set():
                raise TooManyStreams(f"{len(self._streams)} browsers follow the changes, no more are served")
            self._streams.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
                self._thread.start()
        try:
            yield stream
        finally:
            with self._lock:
                self._streams.discard(stream)

    def broadcast(self, event: str, data: Any) -> None:
        """Tell every browser."""
        self._offer(message(event, data))

    def close(self) -> None:
        """End all streams and serve no more."""
        self._closed.set()
        with self._lock:
            for stream in self._streams:
                stream.end()

    def _offer(self, text: str) -> None:
        with self._lock:
            for stream in self._streams:
                stream.offer(text)

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._follow()
            except RedisUnavailable as error:
                LOG.info("changes: %s", error)
                self._closed.wait(WAIT_S)
            except Exception:
                LOG.exception("changes: a batch was lost, browsers fetch anew")
                self._offer(REFETCH)
                self._closed.wait(WAIT_S)

    def _is_over(self) -> bool:
        """Whether nobody listens any more; then the thread ends, and the next browser starts another."""
        with self._lock:
            if self._streams and not self._closed.is_set():
                return False
            self._thread = None
            return True

    def _follow(self) -> None:
        feed = self._read_model.changes()
        try:
            self._offer(REFETCH)  # something may have changed while nobody listened
            while self._streams and not self._closed.is_set():
                changes = feed.read(WAIT_S)
                if changes:
                    began = time.monotonic()
                    self._tell(changes)
                    # the first change after a quiet time goes out at once, those that follow closely go together
                    self._closed.wait(max(0.0, MIN_GAP_S - (time.monotonic() - began)))
        finally:
            feed.close()

    def _tell(self, changes: Sequence[Change]) -> None:
        if len(changes) > TOO_MANY_CHANGES:
            self._offer(REFETCH)
            return
        customers = self._read_model.customers_by_id([change.customer_id for change in changes])
        self._offer(
            "".join(
                message("change", self._render(change, customer))
                for change, customer in zip(changes, customers, strict=True)
            )
        )
