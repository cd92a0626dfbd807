"""Events of the marketing lab at a steady rate: every fault of the generator, and customers that change and go."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka import KafkaError, Message, Producer

from contracts.faults import Kind
from contracts.lifecycle import STAGES
from contracts.marketing import MARKETING
from contracts.settings import Settings
from scripts.generate.ids import IdSource
from scripts.generate.records import Record, record_of
from scripts.generate.story import Story
from webapp.commands.events import Event, erase_event, profile_event
from webapp.commands.framing import AvroFramer
from webapp.commands.publisher import producer_config

TICK_S = 0.02
BAD = 0.2
CHANGES = 0.15
ANSWER_WITHIN_S = 60.0


class MarketingLoad:
    """Sends the records of one story while `running`; goes on with it the next time."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.sent = 0
        self._framer = AvroFramer(settings, MARKETING)
        self._story = Story(seed, "story", BAD, self._framer)
        self._rng = random.Random(seed)
        self._new_id = IdSource(seed, "changes")
        self._customers: list[str] = []
        self._lost: list[str] = []
        self._producer = Producer({**producer_config(settings, ANSWER_WITHIN_S), "linger.ms": 5})

    @contextmanager
    def running(self, rate: float) -> Iterator[None]:
        """Send about `rate` records a second as long as the block runs; at its end all are acknowledged."""
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send_until, stop, rate)
            try:
                yield
            finally:
                stop.set()
            sending.result(ANSWER_WITHIN_S)
        assert self._producer.flush(ANSWER_WITHIN_S) == 0
        assert self._lost == []

    def _send_until(self, stop: threading.Event, rate: float) -> None:
        started, sent = time.monotonic(), 0
        while not stop.wait(TICK_S):
            due = int((time.monotonic() - started) * rate)
            while sent < due and not stop.is_set():
                for record in self._next_records():
                    self._producer.produce(record.topic, record.value, record.key, on_delivery=self._delivered)
                    sent += 1
            self._producer.poll(0)
        self.sent += sent

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._lost.append(error.str())

    def _next_records(self) -> list[Record]:
        now_ms = time.time_ns() // 1_000_000
        if self._customers and self._rng.random() < CHANGES:
            return [record_of(self._change(self._rng.choice(self._customers), now_ms), self._framer)]
        records = self._story.next_records(now_ms)
        self._customers += [each.customer_id for each in records if each.kind is Kind.PROFILE and not each.fault]
        return records

    def _change(self, customer_id: str, now_ms: int) -> Event:
        """A new profile of a known customer: another stage, one that breaks the contract, or none any more."""
        how = self._rng.random()
        if how < 0.15:
            return erase_event(customer_id)
        event = profile_event(self._rng, now_ms, self._new_id)
        change = {"customer_id": customer_id, "lifecycle_stage": self._rng.choice((*STAGES, None))}
        if how < 0.3:
            change["created_at_ms"] = -1
        return replace(event, key=customer_id, value={**(event.value or {}), **change})
