"""The drill itself: load, kills one after another, the time each takes to heal."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from contracts.settings import PROJECT_DIR
from scripts.drill.errors import DrillError
from scripts.drill.victims import Victim, process_of
from scripts.generate.ledger import ledger_dir
from scripts.stack.deadline import Deadline, wait_until
from scripts.stack.errors import NotRunning
from scripts.stack.lab import NativeLab
from scripts.stack.status import READY, lab_status

START_WITHIN_S = 30.0
STOP_WITHIN_S = 150.0
UNDER_WAY_BYTES = 10_000
"""So much in the ledger, some hundred records, says that the generator is under way."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """What the generator sends during the drill: events per second, seed, and the share of faults."""

    rate: float
    seed: int
    bad: float


@dataclass(frozen=True)
class Healed:
    """How long a killed process's lab took until every service was ready again; None when it did not in time."""

    victim: Victim
    seconds: float | None


def unready(lab: NativeLab) -> list[str]:
    """What is not ready now, with its state."""
    return [f"{row.name}: {row.state} {row.detail}".strip() for row in lab_status(lab) if row.state != READY]


def kill_and_wait(lab: NativeLab, victim: Victim, within_s: float) -> Healed:
    """Kill `victim` with SIGKILL and wait until another process has its place and the whole lab is ready."""
    killed = process_of(lab, victim)
    watch = Deadline(within_s)
    killed.kill()
    healed = wait_until(lambda: _replaced(lab, victim, killed) and not unready(lab), watch.left, poll_s=0.5)
    return Healed(victim, watch.elapsed if healed else None)


def _replaced(lab: NativeLab, victim: Victim, killed: psutil.Process) -> bool:
    """Whether another process has the place of `killed`: a heartbeat alone outlives its process for a while."""
    try:
        return process_of(lab, victim) != killed
    except NotRunning:
        return False


def drill(lab: NativeLab, victims: list[Victim], load: Load, within_s: float, say: Say) -> list[Healed]:
    """Kill the victims in turn while the generator runs; it ends in good order after the last has healed.

    Raises:
        DrillError: the lab was not healthy at the start, or the generator lost a record.
    """
    if broken := unready(lab):
        raise DrillError("the drill starts from a healthy lab; not ready: " + "; ".join(broken))
    before = _ledger_bytes(lab)
    generator = _start_generator(load)
    results = []
    try:
        if not wait_until(lambda: _ledger_bytes(lab) > before + UNDER_WAY_BYTES, START_WITHIN_S):
            raise DrillError(f"the generator had nothing acknowledged after {START_WITHIN_S:.0f} s")
        for victim in victims:
            results.append(kill_and_wait(lab, victim, within_s))
            say(_line(results[-1], lab))
            if generator.poll() is not None:
                raise DrillError(f"the generator ended by itself with exit code {generator.returncode}")
    finally:
        code = _stop_generator(generator)
    if code:
        raise DrillError(f"the generator ended with exit code {code}: a record was not acknowledged")
    return results


def _ledger_bytes(lab: NativeLab) -> int:
    """How much the generators have written down as acknowledged."""
    return sum(file.stat().st_size for file in ledger_dir(lab.settings).glob("*"))


def _line(healed: Healed, lab: NativeLab) -> str:
    if healed.seconds is None:
        return f"{time.strftime('%X')}  {healed.victim.name}: NOT healed; {'; '.join(unready(lab))}"
    return f"{time.strftime('%X')}  {healed.victim.name}: healed after {healed.seconds:.1f} s"


def _start_generator(load: Load) -> subprocess.Popen[bytes]:
    options = ["--rate", str(load.rate), "--seed", str(load.seed), "--bad", str(load.bad), "--continuous"]
    return subprocess.Popen([sys.executable, "-m", "scripts.lab", "generate", *options], cwd=PROJECT_DIR)


def _stop_generator(generator: subprocess.Popen[bytes]) -> int:
    """Ask it to end: it waits for what is not acknowledged yet."""
    generator.terminate()
    try:
        return generator.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        generator.kill()
        return generator.wait()
