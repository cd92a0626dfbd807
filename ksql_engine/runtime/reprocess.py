"""Records processed once more for the state alone, where it is behind what its query has written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from ksql_engine.errors import NotReadyError
from ksql_engine.operators.pipeline import Outputs, Pipeline
from ksql_engine.runtime.broker import InputFeed
from ksql_engine.state.rocks import Offsets, RocksState

_LOG = logging.getLogger(__name__)
_WAIT_SECONDS: Final = 0.5


def reprocess(
    pipeline: Pipeline, feed: InputFeed, state: RocksState, targets: Offsets, stopped: Callable[[], bool]
) -> None:
    """Process the records from the state's offsets up to `targets`, and commit the state as it goes.

    `feed` is not started yet, `pipeline` writes nothing. A target beyond the end of its partition is of a topic that
    was made anew, and is passed over. Raises NotReadyError when `stopped` first, and what reading may raise.
    """
    held = state.offsets()
    feed.start(held, ())
    ends = feed.ends()
    wanted = {place: to for place, to in targets.items() if held.get(place, 0) < to <= ends.get(place, 0)}
    count = 0
    while any(held.get(place, 0) < to for place, to in wanted.items()):
        if stopped():
            raise NotReadyError("stopped while processing records again")
        for message in feed.batch(_WAIT_SECONDS, 0.0):
            if message.offset < wanted.get((message.topic, message.partition), 0):
                pipeline.process(message)
                count += 1
        pipeline.flush()
        held |= {place: min(feed.positions[place], to) for place, to in wanted.items() if place in feed.positions}
        state.commit(held)
    _LOG.info("processed %d records again without writing", count)


NO_OUTPUTS: Final = Outputs(
    lambda _key, _value, _time: None, lambda _text, _error: None, lambda _message, _source, _error: None
)
"""Nothing is written, and what could not be read or computed was told the first time."""
