"""The driver process: locks, session, tables, threads, heartbeat, and an orderly end."""

import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from contracts.errors import ClusterMismatch, ContractError
from contracts.model import Lab
from contracts.settings import Settings, load_settings
from spark.runtime.driver import Driver
from spark.runtime.errors import LakehouseError, StateRefused, TableBusy, UnknownJob
from spark.runtime.report import say
from spark.runtime.steps import Step

SERVICE = "spark"
EXIT_FAILED, EXIT_BUSY, EXIT_REFUSED, EXIT_USAGE = 70, 75, 78, 64


def run_pipeline(lab: Lab, steps: tuple[Step, ...], arguments: Sequence[str] = ()) -> int:
    """Run `steps` of `lab`, or those of the job named in `arguments`, until SIGTERM; the process's exit code.

    64: no such job, 70: failed, 75: another process writes one of the tables, 78: stored state is refused.
    """
    try:
        return _run(load_settings(), lab, steps, arguments)
    except UnknownJob as error:
        return _fail(error, EXIT_USAGE)
    except TableBusy as error:
        return _fail(error, EXIT_BUSY)
    except (StateRefused, ClusterMismatch) as error:
        return _fail(error, EXIT_REFUSED)
    except (LakehouseError, ContractError) as error:
        return _fail(error, EXIT_FAILED)


def _run(settings: Settings, lab: Lab, steps: tuple[Step, ...], arguments: Sequence[str]) -> int:
    chosen = _chosen(steps, arguments)
    jobs = list(dict.fromkeys(step.job for step in chosen))
    name = SERVICE if len(jobs) > 1 else f"{SERVICE}-{jobs[0]}"
    stop = threading.Event()

    def ask_to_stop(number: int, _: FrameType | None) -> None:
        say(f"asked to stop by {signal.Signals(number).name}")
        stop.set()

    driver = Driver(settings, lab, chosen, name, stop)
    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return driver.run()


def _chosen(steps: tuple[Step, ...], arguments: Sequence[str]) -> tuple[Step, ...]:
    """All steps, or those of one job."""
    if not arguments:
        return steps
    jobs = list(dict.fromkeys(step.job for step in steps))
    if len(arguments) > 1 or arguments[0] not in jobs:
        raise UnknownJob(f"no job {' '.join(arguments)!r}; the jobs are {', '.join(jobs)}")
    return tuple(step for step in steps if step.job == arguments[0])


def _fail(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)
    return code
