"""The order of the start: as much at once as the needs allow, and the first failure ends it."""

import threading
import time

import pytest

from scripts.stack.deadline import wait_until
from scripts.stack.errors import ServiceDied
from scripts.stack.start import Step, run_steps


def test_a_step_runs_after_what_it_needs() -> None:
    done: list[str] = []
    steps = [
        Step("c", ("a", "b"), lambda cancel: done.append("c")),
        Step("b", ("a",), lambda cancel: done.append("b")),
        Step("a", (), lambda cancel: done.append("a")),
    ]
    run_steps(steps)
    assert done == ["a", "b", "c"]


def test_steps_that_do_not_need_each_other_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)
    run_steps(
        [Step("a", (), lambda cancel: meeting.wait() and None), Step("b", (), lambda cancel: meeting.wait() and None)]
    )


def test_a_need_that_is_not_started_counts_as_done() -> None:
    done: list[str] = []
    run_steps([Step("webapp", ("redis",), lambda cancel: done.append("webapp"))])
    assert done == ["webapp"]


def test_the_first_failure_ends_the_start_at_once() -> None:
    begun: list[str] = []

    def die(cancel: threading.Event) -> None:
        raise ServiceDied("kafka ended")

    def wait_long(cancel: threading.Event) -> None:
        wait_until(lambda: False, 60, cancel=cancel)

    started = time.monotonic()
    steps = [
        Step("kafka", (), die),
        Step("registry", (), wait_long),
        Step("ksql", ("kafka",), lambda cancel: begun.append("ksql")),
    ]
    with pytest.raises(ServiceDied, match="kafka ended"):
        run_steps(steps)
    assert time.monotonic() - started < 10
    assert begun == []


def test_a_wait_ends_with_its_condition_or_its_deadline() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), 10, poll_s=0.001)
    assert not wait_until(lambda: False, 0.01, poll_s=0.001)
