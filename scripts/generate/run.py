"""One run of the generator: story → pace → broker → ledger, with progress for people."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from contracts.faults import FAULTS
from contracts.model import Lab
from contracts.settings import Settings
from scripts.generate.ledger import Ledger, ledger_dir
from scripts.generate.pacing import Pacer
from scripts.generate.sink import DELIVERY_TIMEOUT_S, Sink
from scripts.generate.story import Story
from webapp.commands.framing import AvroFramer

PROGRESS_EVERY_S = 5.0
COLLECT_S = 0.2


@dataclass(frozen=True)
class Plan:
    """What a run is to do. `rate` 0 is as fast as possible, `duration_s` 0 without end, `bad` a share of faults."""

    rate: float = 200.0
    duration_s: float = 60.0
    seed: int = 1
    bad: float = 0.0


def new_run_id() -> str:
    """A name for a run: when it began, and something that no other run has."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def run(settings: Settings, lab: Lab, plan: Plan, *, stop: threading.Event, say: Callable[[str], None] = print) -> bool:
    """Generate events until the plan is fulfilled or `stop` is set; whether every record was acknowledged.

    Args:
        stop: set to end early; what is under way is still completed and waited for.

    Raises:
        NotReady: the broker does not answer, or lacks a topic.
        PublishError: the registry does not answer, or lacks a schema.
    """
    run_id = new_run_id()
    story = Story(plan.seed, run_id, plan.bad, AvroFramer(settings, lab))
    with Ledger(ledger_dir(settings), run_id) as ledger:
        sink = Sink(settings, ledger)
        sink.require_topics(topic.name for topic in lab.with_schema())
        say(f"run {run_id}: seed {plan.seed}, {_goal(plan)}, faults {plan.bad:.2%}; ledger {ledger.path}")
        pacer = Pacer(plan.rate, plan.duration_s, time.monotonic)
        _send_story(story, sink, pacer, stop, _Progress(sink, pacer, say))
        sent_for_s = pacer.elapsed_s
        for record in story.last_records():
            sink.send(record)
        _wait_for_acknowledgements(sink, say)
        _summary(sink, story, sent_for_s, say)
        return not sink.failed and not sink.waiting and not sink.fatal


def _send_story(story: Story, sink: Sink, pacer: Pacer, stop: threading.Event, progress: "_Progress") -> None:
    while not (stop.is_set() or sink.fatal or pacer.is_over()):
        now_ms = time.time_ns() // 1_000_000
        due, sent = pacer.due(), 0
        while sent < due:
            for record in story.next_records(now_ms):
                sink.send(record)
                sent += 1
            if stop.is_set() or sink.fatal:
                break
        pacer.sent(sent)
        sink.collect(pacer.wait_s())
        progress.show_when_due()


class _Progress:
    """A line every few seconds."""

    def __init__(self, sink: Sink, pacer: Pacer, say: Callable[[str], None]) -> None:
        self._sink, self._pacer, self._say = sink, pacer, say
        self._at_s = 0.0
        self._acknowledged = 0

    def show_when_due(self) -> None:
        elapsed_s = self._pacer.elapsed_s
        if elapsed_s < self._at_s + PROGRESS_EVERY_S:
            return
        acknowledged, waiting = self._sink.acknowledged.total(), self._sink.waiting
        rate = (acknowledged - self._acknowledged) / (elapsed_s - self._at_s)
        trouble = f"; {self._sink.last_error}" if waiting and not rate else ""
        self._say(f"{elapsed_s:6.0f} s {acknowledged:>9,} acknowledged {rate:>9,.0f}/s {waiting:>7,} waiting{trouble}")
        self._at_s, self._acknowledged = elapsed_s, acknowledged


def _wait_for_acknowledgements(sink: Sink, say: Callable[[str], None]) -> None:
    """Every record is answered for within its delivery timeout: by the broker, or by the producer giving up."""
    deadline = time.monotonic() + DELIVERY_TIMEOUT_S + COLLECT_S
    told_at = time.monotonic()
    while sink.waiting and time.monotonic() < deadline:
        sink.collect(COLLECT_S)
        if time.monotonic() - told_at > PROGRESS_EVERY_S:
            say(f"waiting for the broker's answer to {sink.waiting:,} records; {sink.last_error}")
            told_at = time.monotonic()


def _goal(plan: Plan) -> str:
    rate = f"{plan.rate:g} events/s" if plan.rate else "as fast as possible"
    return f"{rate}, {f'for {plan.duration_s:g} s' if plan.duration_s else 'until stopped'}"


def _summary(sink: Sink, story: Story, sent_for_s: float, say: Callable[[str], None]) -> None:
    total = sink.acknowledged.total()
    say(f"{total:,} records acknowledged, sent in {sent_for_s:.1f} s: {total / max(sent_for_s, 0.001):,.0f}/s")
    for topic, count in sorted(sink.acknowledged.items()):
        say(f"  {topic:<40} {count:>9,}")
    if story.injected:
        say(f"{story.injected.total():,} faults injected")
        for fault in FAULTS:
            if story.injected[fault.name]:
                say(f"  {fault.name:<24} {story.injected[fault.name]:>7,}  {fault.what} → {fault.outcome.value}")
    for reason, count in sink.failed.items():
        say(f"NOT acknowledged: {count:,} records: {reason}")
    if sink.waiting:
        say(f"NOT acknowledged: {sink.waiting:,} records, no answer from the broker; {sink.last_error}")
