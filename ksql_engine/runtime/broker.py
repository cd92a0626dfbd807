"""What the engine asks of a Kafka cluster, and the answer of a real one. Tests and conformance give another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ksql_engine.formats.base import SchemaRegistry
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.feed import Feed
from ksql_engine.runtime.settings import EngineSettings
from ksql_engine.runtime.sink import Sink
from ksql_engine.runtime.topics import TopicInfo, Topics
from ksql_engine.runtime.transactions import TransactionalSink
from ksql_engine.state.rocks import Offsets


class SubjectRegistry(SchemaRegistry, Protocol):
    """A schema registry whose subjects can be looked into and deleted."""

    def ids(self, subject: str) -> list[int]:
        """Return the ids of a subject's schemas, of any kind, the oldest first; none when it is not there."""

    def delete(self, subject: str) -> None:
        """Delete a subject if it is there."""


class TopicAdmin(Protocol):
    """The topics of a cluster. Methods may raise KafkaException."""

    def cluster_id(self, timeout: float) -> str:
        """Return the cluster's id; waits `timeout` seconds at most."""

    def all(self) -> list[TopicInfo]:
        """Return all topics by name."""

    def find(self, name: str) -> TopicInfo | None:
        """Return a topic, or None."""

    def ensure(self, name: str, partitions: int, replicas: int, config: dict[str, str]) -> TopicInfo:
        """Create a topic unless it is there. Raises StatementError when it has other partitions."""

    def delete(self, name: str) -> None:
        """Delete a topic if it is there."""

    def forget_group(self, group_id: str) -> None:
        """Delete the offsets of a group if it has any."""


class InputFeed(Protocol):
    """The records of some topics. `positions` are the next offsets after the last batch, where they are known.

    `behind` tells whether the last batch was full, so that more has certainly arrived.
    """

    positions: Offsets
    behind: bool

    def start(self, offsets: Offsets, from_latest: Sequence[str]) -> None:
        """Begin at `offsets`; elsewhere at the end for topics in `from_latest`, else at the start."""

    def ends(self) -> Offsets:
        """Return the offset after the last record of each partition, as of now."""

    def batch(self, wait: float, not_before: float) -> list[Message]:
        """Return what has arrived, waiting `wait` seconds for the first; gather until `not_before` (monotonic)."""

    def committed(self) -> Offsets:
        """Return the group's offsets, where it has any, once no transaction can change them."""

    def membership(self) -> Any:
        """Return what a transaction needs to commit offsets to the group."""

    def show_offsets(self) -> None:
        """Make the positions visible to tools."""

    def close(self) -> None:
        """Give up the connection."""


class OutputSink(Protocol):
    """Records to be produced. Methods raise SinkFailedError; the sink is of no more use then."""

    def send(self, message: Message) -> None:
        """Queue a record."""

    def log(self, message: Message) -> None:
        """Queue a record of the processing log."""

    def flush(self) -> None:
        """Wait until every record is acknowledged."""

    def close(self, seconds: float = 0.0) -> None:
        """Give up what is not acknowledged after `seconds`."""


class Transactions(Protocol):
    """Records and offsets that become visible together. Methods raise SinkFailedError; it is of no more use then."""

    def open(self) -> None:
        """Settle what earlier owners of the id left unfinished, and keep them from writing any more."""

    def send(self, message: Message) -> None:
        """Queue a record of the transaction."""

    def log(self, message: Message) -> None:
        """Queue a record of the processing log, outside the transaction; it may be lost."""

    def commit(self, offsets: Offsets) -> None:
        """Commit what was sent, with a group's offsets. Raises FencedError when there is a newer owner of the id."""

    def close(self) -> None:
        """Abort what is not committed."""


class Broker(Protocol):
    """A cluster: its topics, and the ways to read and write them."""

    topics: TopicAdmin

    def feed(self, group_id: str, topics: Sequence[str]) -> InputFeed:
        """Return a reader of topics whose positions show under a group."""

    def sink(self, stopped: Callable[[], bool]) -> OutputSink:
        """Return a writer; `stopped` ends its waiting."""

    def transactions(self, transactional_id: str, membership: Any, stopped: Callable[[], bool]) -> Transactions:
        """Return a writer in transactions, which commit the offsets of the group whose `membership` is given."""


class KafkaBroker:
    """A Kafka cluster."""

    def __init__(self, settings: EngineSettings) -> None:
        """Connect when first used."""
        self._settings = settings
        self.topics: TopicAdmin = Topics(settings)

    def feed(self, group_id: str, topics: Sequence[str]) -> InputFeed:
        """Return a consumer."""
        return Feed(self._settings, group_id, topics)

    def sink(self, stopped: Callable[[], bool]) -> OutputSink:
        """Return a producer."""
        return Sink(self._settings, stopped)

    def transactions(self, transactional_id: str, membership: Any, stopped: Callable[[], bool]) -> Transactions:
        """Return a transactional producer."""
        return TransactionalSink(self._settings, transactional_id, membership, stopped)
