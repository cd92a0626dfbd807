"""The README's figures, measured on the running lab: `make up`, then `make bench`.

Latency of single orders, the books after a loaded minute, memory right after it, and processor time when idle.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil

from scripts.stack.status import family, memory_mb

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "lab"


def lab_processes(home: Path) -> list[psutil.Process]:
    """The supervisor of the lab whose folder is `home`, and everything below it."""
    supervisor = psutil.Process(int((home / "run" / "supervisord.pid").read_text("utf-8")))
    return family(supervisor)


def cpu_s(processes: list[psutil.Process]) -> float:
    """Processor seconds, user and system, that the processes have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def idle_cpu_pct(home: Path, quiet_s: float, over_s: float) -> float:
    """Percent of one core that the lab uses over `over_s` seconds, after `quiet_s` seconds without an event."""
    time.sleep(quiet_s)
    processes = lab_processes(home)
    before, start = cpu_s(processes), time.monotonic()
    time.sleep(over_s)
    return 100 * (cpu_s(processes) - before) / (time.monotonic() - start)


def lab(*args: str) -> str:
    """Run `./lab ARGS` and give what it prints; its end with an error ends the benchmark."""
    done = subprocess.run([LAB, *args], check=False, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"./lab {' '.join(args)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def main() -> None:
    """Measure and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".lab", help="the lab's run-time folder")
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--rate", type=int, default=500, help="events per second")
    parser.add_argument("--duration", type=int, default=60, help="seconds of load")
    parser.add_argument("--quiet", type=float, default=120, help="seconds without an event before the idle minute")
    args = parser.parse_args()

    latency = json.loads(lab("verify", "--orders", str(args.orders), "--json"))
    print("latency of single orders, ms:", json.dumps(latency))
    print(lab("generate", "--rate", str(args.rate), "--duration", str(args.duration), "--bad", "0.01"))
    print(f"memory right after: {memory_mb(lab_processes(args.home)):.0f} MB")
    start = time.monotonic()
    print(lab("audit"))
    print(f"audit balanced {time.monotonic() - start:.1f} s after the end of the load")
    print(f"idle: {idle_cpu_pct(args.home, args.quiet, 60):.1f} % of one core over 60 s")


if __name__ == "__main__":
    main()
