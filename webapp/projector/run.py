"""The projector's loop: read, decode, write to Redis, tell the group. Positions in Redis are the truth."""

import logging
import threading
import time
from collections.abc import Sequence

from webapp.errors import CacheMoved, PositionLost, RegistryUnavailable, Unavailable, UndecodableRecord
from webapp.kafka_reader import KafkaReader, Positions, Record
from webapp.projector.decode import Decoder, Row
from webapp.projector.store import CacheStore
from webapp.pulse import Pulse

LOG = logging.getLogger(__name__)
IDLE_S = 1.0
LOOK_AT_TOPICS_S = 5.0
RETRY_S = 0.5


class Projector:
    """Keeps Redis at what the topics say until `stop` is set."""

    def __init__(
        self, reader: KafkaReader, store: CacheStore, decoder: Decoder, pulse: Pulse, stop: threading.Event
    ) -> None:
        self._reader = reader
        self._store = store
        self._decoder = decoder
        self._pulse = pulse
        self._stop = stop
        self._rows = self._skipped = 0
        self._last_skipped: str | None = None

    def run(self, *, wipe_first: bool = False) -> None:
        """Project until stopped; outages are waited out.

        Raises:
            ClusterMismatch: Redis belongs to another Kafka cluster.
        """
        self._pulse.beat("starting")
        while not self._stop.is_set():
            try:
                if wipe_first:
                    LOG.info("RESET_CACHE_ON_START: wiping the views")
                    self._store.wipe()
                    wipe_first = False
                self._follow(self._resume())
            except (CacheMoved, PositionLost) as error:
                LOG.warning("starting over from what Redis holds: %s", error)
                if isinstance(error, PositionLost):
                    self._forget()
            except Unavailable as error:
                self._wait(str(error))

    def _resume(self) -> Positions:
        cluster = self._reader.cluster()
        positions = self._store.resume(cluster)
        LOG.info("going on from %d records", sum(positions.values()))
        self._reader.start(cluster.places, positions)
        return positions

    def _forget(self) -> None:
        """A topic was cut short or made anew: what was deleted meanwhile will not be told, so rebuild all."""
        try:
            self._store.wipe()
        except Unavailable as error:
            self._wait(str(error))

    def _follow(self, positions: Positions) -> None:
        """Project batch after batch, beginning at `positions`."""
        next_check, next_look = 0.0, time.monotonic() + LOOK_AT_TOPICS_S
        while not self._stop.is_set():
            records = self._reader.read(IDLE_S)
            if records:
                positions = self._project(records, positions)
            elif time.monotonic() >= next_check:
                self._store.check(positions)
                next_check = time.monotonic() + IDLE_S
            self._reader.commit(positions)
            self._beat()
            if time.monotonic() >= next_look:
                if not self._reader.topics_are_the_same():
                    LOG.warning("a topic was made anew")
                    return
                next_look = time.monotonic() + LOOK_AT_TOPICS_S

    def _project(self, records: Sequence[Record], before: Positions) -> Positions:
        """Write one batch; what cannot be decoded is logged and passed over. Returns the new positions."""
        rows = [row for record in records if (row := self._decode(record)) is not None]
        after = dict(before)
        for record in records:
            after[record.topic, record.partition] = record.offset + 1
        self._rows += self._store.apply(rows, before, after, time.time_ns() // 1_000_000)
        return after

    def _decode(self, record: Record) -> Row | None:
        while True:
            try:
                return self._decoder.row(record)
            except UndecodableRecord as error:
                LOG.warning("passed over %s", error)
                self._skipped += 1
                self._last_skipped = str(error)
                return None
            except RegistryUnavailable as error:
                if self._stop.is_set():
                    raise
                self._wait(str(error))

    def _beat(self) -> None:
        reason = self._reader.down_reason
        state = "waiting" if reason else "running"
        if self._pulse.is_due(state):
            detail = {"lag": self._reader.lag(), "rows": self._rows, "undecodable": self._skipped}
            self._pulse.beat(state, reason=reason, last_undecodable=self._last_skipped, **detail)

    def _wait(self, reason: str) -> None:
        LOG.warning("waiting: %s", reason)
        self._pulse.beat("waiting", reason=reason)
        self._stop.wait(RETRY_S)
