"""A cluster in memory, for conformance and tests: topics with partitions, readers that wait, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ksql_engine.errors import FencedError, NotReadyError, StatementError
from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.broker import InputFeed, OutputSink, TopicAdmin, Transactions
from ksql_engine.runtime.feed import in_time_order
from ksql_engine.runtime.partitioner import partition_of
from ksql_engine.runtime.topics import TopicInfo
from ksql_engine.state.rocks import Offsets


class MemoryTopics:
    """Topics as lists of records."""

    def __init__(self) -> None:
        """Start without topics."""
        self.closed = False
        self.arrived = threading.Condition(threading.RLock())
        self._logs: dict[str, list[list[Message]]] = {}
        self._replicas: dict[str, int] = {}
        self.groups: dict[str, Offsets] = {}
        self.owners: dict[str, object] = {}

    def cluster_id(self, timeout: float) -> str:
        """Return the id that every cluster in memory has."""
        return "memory"

    def all(self) -> list[TopicInfo]:
        """Return all topics by name."""
        with self.arrived:
            return [TopicInfo(name, len(log), self._replicas[name]) for name, log in sorted(self._logs.items())]

    def find(self, name: str) -> TopicInfo | None:
        """Return a topic, or None."""
        return next((topic for topic in self.all() if topic.name == name), None)

    def ensure(self, name: str, partitions: int, replicas: int, config: dict[str, str]) -> TopicInfo:
        """Create a topic unless it is there. Raises StatementError when it has other partitions."""
        with self.arrived:
            found = len(self._logs.setdefault(name, [[] for _ in range(partitions)]))
            self._replicas.setdefault(name, replicas)
        if found != partitions:
            raise StatementError(
                f"A Kafka topic with the name '{name}' already exists, with different partition/replica configuration "
                f"than required. KSQL expects {partitions} partitions (topic has {found})"
            )
        return TopicInfo(name, found, replicas)

    def delete(self, name: str) -> None:
        """Delete a topic if it is there."""
        with self.arrived:
            self._logs.pop(name, None)
            self._replicas.pop(name, None)

    def forget_group(self, group_id: str) -> None:
        """Delete the offsets of a group if it has any."""
        self.groups.pop(group_id, None)

    def append(self, message: Message) -> None:
        """Add a record to its topic, made if it is absent; equal keys share a partition."""
        with self.arrived:
            if message.topic not in self._logs:
                self.ensure(message.topic, 1, 1, {})
            partitions = self._logs[message.topic]
            number = partition_of(message.routing or message.key or b"", len(partitions))
            partitions[number].append(message._replace(partition=number, offset=len(partitions[number])))
            self.arrived.notify_all()

    def partitions(self, name: str) -> list[list[Message]]:
        """Return a topic's records by partition. Raises NotReadyError when there is no such topic."""
        with self.arrived:
            if name not in self._logs:
                raise NotReadyError(f"topic {name} is not there")
            return [list(log) for log in self._logs[name]]

    def ends(self, names: Sequence[str]) -> Offsets:
        """Return the next offset of each partition of some topics."""
        with self.arrived:
            return {(name, part): len(log) for name in names for part, log in enumerate(self._logs.get(name, ()))}

    def after(self, positions: Offsets, seconds: float) -> list[Message]:
        """Return the records from `positions` on, waiting for the first."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.closed or self._has_more(positions), seconds)
            return [
                message
                for (name, part), start in positions.items()
                for message in (self._logs[name][part][start:] if name in self._logs else ())
            ]

    def _has_more(self, positions: Offsets) -> bool:
        return any(
            name in self._logs and len(self._logs[name][part]) > start for (name, part), start in positions.items()
        )


class _MemoryFeed:
    """A reader of topics in memory."""

    def __init__(self, topics: MemoryTopics, group_id: str, names: Sequence[str]) -> None:
        self.positions: Offsets = {}
        self.behind = False
        self._topics, self._group_id, self._names = topics, group_id, names

    def start(self, offsets: Offsets, from_latest: Sequence[str]) -> None:
        for name in self._names:
            for part, log in enumerate(self._topics.partitions(name)):
                first = len(log) if name in from_latest else 0
                self.positions[name, part] = offsets.get((name, part), first)

    def ends(self) -> Offsets:
        return self._topics.ends(self._names)

    def batch(self, wait: float, not_before: float) -> list[Message]:
        messages = self._topics.after(self.positions, wait)
        for message in messages:
            self.positions[message.topic, message.partition] = message.offset + 1
        return in_time_order(messages)

    def committed(self) -> Offsets:
        with self._topics.arrived:
            return dict(self._topics.groups.get(self._group_id, {}))

    def membership(self) -> str:
        return self._group_id

    def show_offsets(self) -> None:
        """There are no tools to see them."""

    def close(self) -> None:
        """There is no connection."""


class _MemorySink:
    """A writer of topics in memory; every record is there at once."""

    def __init__(self, topics: MemoryTopics) -> None:
        self._topics = topics

    def send(self, message: Message) -> None:
        self._topics.append(message)

    def log(self, message: Message) -> None:
        self._topics.append(message)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self, seconds: float = 0.0) -> None:
        """There is no connection."""


class _MemoryTransactions:
    """A writer of topics in memory whose records are there at the commit; the last that was opened owns the id."""

    def __init__(self, topics: MemoryTopics, transactional_id: str, group_id: str) -> None:
        self._topics, self._id, self._group_id = topics, transactional_id, group_id
        self._sent: list[Message] = []

    def open(self) -> None:
        with self._topics.arrived:
            self._topics.owners[self._id] = self

    def send(self, message: Message) -> None:
        self._sent.append(message)

    def log(self, message: Message) -> None:
        self._topics.append(message)

    def commit(self, offsets: Offsets) -> None:
        with self._topics.arrived:
            if self._topics.owners.get(self._id) is not self:
                raise FencedError(f"Another instance has taken over the transactions of {self._id}")
            for message in self._sent:
                self._topics.append(message)
            self._topics.groups.setdefault(self._group_id, {}).update(offsets)
            self._sent = []

    def close(self) -> None:
        self._sent = []


class MemoryBroker:
    """A cluster in memory."""

    def __init__(self) -> None:
        """Start without topics."""
        self.memory = MemoryTopics()
        self.topics: TopicAdmin = self.memory

    def close(self) -> None:
        """Let no reader wait any more."""
        with self.memory.arrived:
            self.memory.closed = True
            self.memory.arrived.notify_all()

    def feed(self, group_id: str, topics: Sequence[str]) -> InputFeed:
        """Return a reader of topics."""
        return _MemoryFeed(self.memory, group_id, topics)

    def sink(self, stopped: Callable[[], bool]) -> OutputSink:
        """Return a writer."""
        return _MemorySink(self.memory)

    def transactions(self, transactional_id: str, membership: str, stopped: Callable[[], bool]) -> Transactions:
        """Return a writer in transactions."""
        return _MemoryTransactions(self.memory, transactional_id, membership)
