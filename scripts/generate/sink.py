"""Sends records to the broker and writes every acknowledgement into the ledger."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.settings import Settings
from scripts.generate.errors import NotReady
from scripts.generate.ledger import Ledger
from scripts.generate.records import Record
from webapp.commands.publisher import producer_config

DELIVERY_TIMEOUT_S = 120.0
MAX_WAITING_RECORDS = 100_000
MAX_WAITING_KB = 64 * 1024
LINGER_MS = 5
METADATA_TIMEOUT_S = 10.0
FULL_QUEUE_WAIT_S = 0.1


class Sink:
    """An idempotent producer with a bounded queue: it retries for two minutes, and holds `send` back when full.

    `acknowledged` counts records per topic, `failed` per reason; `fatal` is the reason the producer gave up for, "".
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        max_waiting_records: int = MAX_WAITING_RECORDS,
    ) -> None:
        self._ledger = ledger
        self._bootstrap = settings.bootstrap
        self._producer = Producer(
            {
                **producer_config(settings, delivery_timeout_s),
                "linger.ms": LINGER_MS,
                "queue.buffering.max.messages": max_waiting_records,
                "queue.buffering.max.kbytes": MAX_WAITING_KB,
                "error_cb": self._on_error,
            }
        )
        self.acknowledged: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.fatal = ""
        self.last_error = ""

    def require_topics(self, names: Iterable[str], timeout_s: float = METADATA_TIMEOUT_S) -> None:
        """Make sure, before the first record, that the broker answers and has these topics.

        Raises:
            NotReady: it does not.
        """
        try:
            there = self._producer.list_topics(timeout=timeout_s).topics
        except KafkaException as error:
            raise NotReady(
                f"Kafka at {self._bootstrap} does not answer ({error.args[0].str()}); try: make up"
            ) from error
        missing = [name for name in names if name not in there]
        if missing:
            raise NotReady(f"Kafka at {self._bootstrap} has no topic {', '.join(missing)}; remedy: make topics")

    @property
    def waiting(self) -> int:
        """Records that the broker has not answered for yet."""
        return len(self._producer)

    def send(self, record: Record) -> None:
        """Queue `record`; waits while the queue is full."""
        about = f"{record.kind.value},{record.entity_id},{record.event_id},{record.customer_id},{record.fault}\n"
        on_delivery = partial(self._on_delivery, about)
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key, on_delivery=on_delivery)
            except BufferError:
                self.collect(FULL_QUEUE_WAIT_S)
            except KafkaException as error:
                self.failed[error.args[0].str()] += 1
                return
            else:
                return

    def collect(self, timeout_s: float) -> None:
        """Take the acknowledgements that are there, or the first that comes within `timeout_s`."""
        self._producer.poll(timeout_s)
        self._ledger.flush()

    def _on_delivery(self, about: str, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed[error.str()] += 1
            return
        topic = message.topic() or ""
        self.acknowledged[topic] += 1
        self._ledger.add(f"{topic},{message.partition()},{message.offset()},{about}")

    def _on_error(self, error: KafkaError) -> None:
        self.last_error = error.str()
        if error.fatal():
            self.fatal = error.str()
