"""Cases run one after the other or in processes; none may hang or end the run."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from typing import Final, NoReturn

from ksql_engine.conformance.rest import RestCase, run_rest_case
from ksql_engine.conformance.rest_server import MemoryServer
from ksql_engine.conformance.suite import Item
from ksql_engine.driver.cases import Case
from ksql_engine.driver.run import run_case

DEADLINE_SECONDS: Final = 10.0
_CHUNK: Final = 25


@dataclass(frozen=True)
class Result:
    """What became of a case: passed, failed or skipped, and why it did not pass."""

    item: Item
    outcome: str
    detail: str = ""


class _OutOfTimeError(BaseException):
    """Raised in a case that takes too long; no handler of ordinary errors catches it."""


def run_all(items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Yield the results of `items` in order, from `jobs` processes."""
    if jobs <= 1:
        yield from map(run_item, items)
        return
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [(chunk, pool.submit(_run_chunk, chunk)) for chunk in chunks]
        for chunk, future in waiting:
            try:
                yield from future.result()
            except BrokenProcessPool:
                yield from (Result(item, "failed", "the process ended") for item in chunk)


def _run_chunk(items: Sequence[Item]) -> list[Result]:
    return [run_item(item) for item in items]


def run_item(item: Item) -> Result:
    """Run a case within its time, whatever it raises. Only on the main thread of a process."""
    if item.skip:
        return Result(item, "skipped", item.skip)
    before = signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
    try:
        problem = _problem(item.case)
    except _OutOfTimeError:
        problem = f"took longer than {DEADLINE_SECONDS:g} s"
    except Exception as error:
        problem = f"crashed: {type(error).__name__}: {error}{_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return Result(item, "failed" if problem else "passed", problem or "")


def _problem(case: Case) -> str | None:
    return run_rest_case(case, _server()) if isinstance(case, RestCase) else run_case(case)


@cache
def _server() -> MemoryServer:
    """Return this process's server."""
    return MemoryServer()


def _out_of_time(_number: int, _frame: object) -> NoReturn:
    raise _OutOfTimeError


def _place(error: BaseException) -> str:
    """Return the line of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
