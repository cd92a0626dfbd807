"""The stage keeper's loop: read consolidated rows, publish what differs, then commit."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from webapp.commands.errors import PublishError
from webapp.commands.events import Event
from webapp.commands.publisher import EventPublisher
from webapp.errors import KafkaUnavailable, PositionLost
from webapp.kafka_reader import KafkaReader, Positions, Record
from webapp.pulse import Pulse
from webapp.stage_keeper.decide import decide, newest_rows

LOG = logging.getLogger(__name__)
IDLE_S = 1.0
RETRY_S = 0.5
PUBLISH_TIMEOUT_S = 4.0
AT_ONCE = 8


class StageKeeper:
    """Publishes profiles whose stage or activity differs from the rules, until `stop` is set."""

    def __init__(self, reader: KafkaReader, publisher: EventPublisher, pulse: Pulse, stop: threading.Event) -> None:
        self._reader = reader
        self._publisher = publisher
        self._pulse = pulse
        self._stop = stop
        self._unsettled: set[str] = set()
        self._published = self._skipped = 0

    def run(self) -> None:
        """Follow the topic until stopped; outages are waited out."""
        self._pulse.beat("starting")
        self._publisher.warm_up()
        from_beginning = False
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="publish") as pool:
            while not self._stop.is_set():
                try:
                    self._follow(self._resume(from_beginning=from_beginning), pool)
                except KafkaUnavailable as error:
                    self._wait(str(error))
                except PositionLost as error:
                    LOG.warning("reading the topic from its beginning: %s", error)
                    from_beginning = True
                else:
                    from_beginning = False

    def _resume(self, *, from_beginning: bool) -> Positions:
        places = self._reader.cluster().places
        positions = {} if from_beginning else self._reader.committed(places)
        self._reader.start(places, positions)
        return positions

    def _follow(self, positions: Positions, pool: ThreadPoolExecutor) -> None:
        while not self._stop.is_set():
            records = self._reader.read(IDLE_S)
            if records and not self._keep(records, pool):
                return
            for record in records:
                positions[record.topic, record.partition] = record.offset + 1
            self._reader.commit(positions)
            self._beat()

    def _keep(self, records: Sequence[Record], pool: ThreadPoolExecutor) -> bool:
        """Publish what `records` call for. False when stopped before everything was acknowledged."""
        rows, faults = newest_rows(records)
        for fault in faults:
            LOG.warning("passed over %s", fault)
        self._skipped += len(faults)
        left = decide(rows, self._unsettled)
        while left:
            count = len(left)
            left = [event for event in pool.map(self._publish, left) if event is not None]
            self._published += count - len(left)
            if left and self._stop.is_set():
                return False
        return True

    def _publish(self, event: Event) -> Event | None:
        """Publish `event`; give it back when it must be tried again. Repeating one is harmless."""
        if self._stop.is_set():
            return event
        try:
            self._publisher.publish(event, PUBLISH_TIMEOUT_S)
        except PublishError as error:
            self._wait(str(error))
            return event
        return None

    def _beat(self) -> None:
        reason = self._reader.down_reason
        state = "waiting" if reason else "running"
        if self._pulse.is_due(state):
            detail = {"lag": self._reader.lag(), "published": self._published, "undecodable": self._skipped}
            self._pulse.beat(state, reason=reason, **detail)

    def _wait(self, reason: str) -> None:
        LOG.warning("waiting: %s", reason)
        self._pulse.beat("waiting", reason=reason)
        self._stop.wait(RETRY_S)
