"""How a query's commit holds together what it read, what it wrote and what it remembers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from ksql_engine.operators.endpoints import Message
from ksql_engine.runtime.broker import InputFeed, OutputSink, Transactions
from ksql_engine.state.rocks import Offsets, RocksState

_LOG = logging.getLogger(__name__)


class Commits(Protocol):
    """The commits of one session of a query. Methods may raise KafkaException or KsqlError: the session is over."""

    def recover(self) -> None:
        """Bring the state to where the query's output is; called before anything is read."""

    def send(self, message: Message) -> None:
        """Queue a record of the sink."""

    def log(self, message: Message) -> None:
        """Queue a record of the processing log."""

    def commit(self) -> None:
        """Commit what was sent and changed, with the feed's positions."""

    def show(self) -> None:
        """Make the positions visible to tools; nothing may be sent or changed since the last commit."""

    def close(self) -> None:
        """Give up what is not committed."""


class AtLeastOnce:
    """Produce, wait for the broker, then write state and offsets in one batch.

    A crash in between sends rows again and never changes the state twice.
    """

    def __init__(self, sink: OutputSink, feed: InputFeed, state: RocksState) -> None:
        """Commit to `state` what was read from `feed`, after what goes to `sink`."""
        self._sink, self._feed, self._state = sink, feed, state
        self.send, self.log, self.close = sink.send, sink.log, sink.close
        self._shown: Offsets = {}

    def recover(self) -> None:
        """Take the state as it is: its offsets say what to read, and rows are sent again."""

    def commit(self) -> None:
        """Commit; the records of the sink are acknowledged first."""
        self._sink.flush()
        self._state.commit(self._feed.positions)

    def show(self) -> None:
        """Commit new positions to the group, from where nothing is ever read back."""
        if self._feed.positions != self._shown:
            self._feed.show_offsets()
            self._shown = dict(self._feed.positions)


class ExactlyOnce:
    """Prepare the state, commit rows and offsets in one transaction of Kafka, then make the prepared state the state.

    After a crash the group's offsets, which Kafka committed with the rows, tell whether the prepared state counts.
    """

    def __init__(
        self,
        transactions: Transactions,
        feed: InputFeed,
        state: RocksState,
        reprocess: Callable[[Offsets], None],
    ) -> None:
        """As for AtLeastOnce; `reprocess` brings the state up to given offsets without writing to the sink."""
        self._transactions, self._feed, self._state = transactions, feed, state
        self._reprocess = reprocess
        self.send, self.log, self.close = transactions.send, transactions.log, transactions.close
        self._committed: Offsets = {}

    def recover(self) -> None:
        """Finish the commit that a crash or a failure cut, or leave it undone, as Kafka did.

        Where Kafka is ahead of all there is (the state was lost, or another instance ran the query), reprocess.
        """
        self._transactions.open()
        self._committed = self._feed.committed()
        if self._state.settle(self._committed):
            _LOG.info("Kafka committed what was prepared for the state: it counts")
        held = self._state.offsets()
        if any(offset > held.get(place, 0) for place, offset in self._committed.items()):
            self._reprocess(self._committed)

    def commit(self) -> None:
        """Commit; raises FencedError when another instance has taken over."""
        positions = dict(self._feed.positions)
        self._state.prepare(positions)
        self._transactions.commit(positions)
        self._state.commit(positions)
        self._committed = positions

    def show(self) -> None:
        """Commit positions that have moved without records, beyond control records."""
        if self._feed.positions != self._committed:
            self.commit()
