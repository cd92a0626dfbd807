"""Makes `.venv`, with the system's Python and nothing else: `python3 scripts/stack/bootstrap_venv.py [--dev]`.

Each set of requirements leaves a stamp with the hash of what it was made from. A stamp that fits means nothing to do;
one that is missing means that the work was never finished, and it is done again.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST, NEWEST = (3, 10), (3, 13)
BUILD, RUNTIME, DEV = "requirements-build.txt", "requirements.txt", "requirements-dev.txt"
TOTALS = "setup-totals"


SHOWN = ("Downloading", "Building", "ERROR", "WARNING", "Installing collected")
UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}


class BootstrapFailed(Exception):
    """Raised when the environment cannot be made; the text says the remedy."""


def main() -> int:
    """Bring `.venv` to what the requirement files say. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with what tests and checks need")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's folder")
    args = parser.parse_args()
    try:
        check_python(sys.version_info[:2])
        with only_one(args.root):
            ensure_environment(args.root, dev=args.dev)
    except BootstrapFailed as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; make setup goes on where it was", file=sys.stderr)
        return 130
    return 0


def check_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that the locked packages are not made for."""
    if OLDEST <= version <= NEWEST:
        return
    raise BootstrapFailed(
        f"{sys.executable} is Python {dotted(version)}; the lab runs on {dotted(OLDEST)} to {dotted(NEWEST)}. "
        f"Remedy: make setup PYTHON=python{dotted(NEWEST)} (or the path of another one)"
    )


def dotted(version: "tuple[int, ...]") -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


class only_one:  # noqa: N801 - used as a statement: `with only_one(root)`
    """Holds the lock of the environment, so that two set-ups at once do the work once."""

    def __init__(self, root: Path) -> None:
        self._path = root / ".lab" / "cache" / "venv.lock"

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is at work; waiting for it")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_exception: object) -> None:
        self._file.close()


def ensure_environment(root: Path, *, dev: bool) -> None:
    """Make the environment where it is missing or half-made, and install what changed."""
    venv = root / ".venv"
    requirements = DEV if dev else RUNTIME
    # The development set holds the runtime set.
    if any(is_current(root, venv, each) for each in {requirements, DEV}):
        return
    started, size = time.monotonic(), 0.0
    if unfinished(venv).exists() or not works(venv):
        create(venv)
    if not is_current(root, venv, BUILD):
        size += pip(venv, "install", "--require-hashes", "-r", str(root / BUILD))
        stamp(root, venv, BUILD)
    options = ("--no-deps", "--no-build-isolation", "--require-hashes")
    size += pip(venv, "install", *options, "-r", str(root / requirements))
    stamp(root, venv, requirements)
    seconds = time.monotonic() - started
    say(f"Python packages are there: {size:.0f} MB downloaded, {seconds:.0f} s")
    # The rest of set-up adds its own to it.
    (root / ".lab" / "cache" / TOTALS).write_text(f"{size:.1f} {seconds:.1f}\n", "utf-8")


def works(venv: Path) -> bool:
    """Whether the environment has this Python's version and a pip that starts."""
    python = venv / "bin" / "python"
    program = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.decode().strip() == dotted(sys.version_info[:2])


def create(venv: Path) -> None:
    """Make an environment with pip in it: by the standard library or, where that lacks a part, by the system's pip."""
    if venv.exists():
        say(f"{venv} was left half-made, or by another Python; making it anew")
        shutil.rmtree(venv)
    say(f"making {venv} with Python {dotted(sys.version_info[:3])}")
    if quietly(sys.executable, "-m", "venv", str(venv)) and works(venv):
        return
    shutil.rmtree(venv, ignore_errors=True)
    say("this Python makes no pip (python3-venv is missing); asking the system's pip")
    python = str(venv / "bin" / "python")
    made = quietly(sys.executable, "-m", "venv", "--without-pip", str(venv))
    if made and quietly(sys.executable, "-m", "pip", "--python", python, "install", "pip") and works(venv):
        return
    shutil.rmtree(venv, ignore_errors=True)
    version = dotted(sys.version_info[:2])
    raise BootstrapFailed(
        f"python3-venv is missing for Python {version}, and there is no pip to do without it. "
        f"Remedy: apt install python{version}-venv (or the like), then make setup"
    )


def pip(venv: Path, *arguments: str) -> float:
    """Run the environment's pip and show what it fetches and builds. Returns the megabytes it downloaded."""
    command = [str(venv / "bin" / "python"), "-m", "pip", *arguments, "--progress-bar", "off", "--no-color"]
    say(f"pip {arguments[0]} {Path(arguments[-1]).name}")
    # Left there by an interruption only: then a package may be there by half, which pip would not notice.
    unfinished(venv).touch()
    size, last = 0.0, []  # type: ignore[var-annotated]  # an older Python must be able to read this file
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True) as run:
        for line in run.stdout or ():
            last = [*last[-15:], line.rstrip()]
            if line.lstrip().startswith(SHOWN):
                say("  " + line.strip()[:150])
            size += megabytes(line)
    unfinished(venv).unlink()
    if run.returncode:
        raise BootstrapFailed(
            "\n".join([f"pip ended with {run.returncode}:", *last])
            + "\nRemedy: check the network (pip's own variables set proxy and certificates), then make setup"
        )
    return size


def megabytes(line: str) -> float:
    """The size in a line of pip's such as "Downloading x-1.0.whl (1.2 MB)", 0 in others."""
    found = re.match(r"\s*Downloading .*\((\d+(?:\.\d+)?) (bytes|kB|MB|GB)\)", line)
    return float(found.group(1)) * UNITS[found.group(2)] if found else 0.0


def quietly(*command: str) -> bool:
    """Run a command that may fail. Returns whether it did not."""
    try:
        done = subprocess.run(list(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def is_current(root: Path, venv: Path, requirements: str) -> bool:
    """Whether the requirements were installed completely, as they are now, by this Python's version."""
    try:
        text = stamp_file(venv, requirements).read_text("utf-8")
    except OSError:
        return False
    return text == fingerprint(root, requirements) and (venv / "bin" / "python").exists()


def stamp(root: Path, venv: Path, requirements: str) -> None:
    """Note that the requirements are installed; the other set of packages may no longer be what its stamp says."""
    for other in {RUNTIME, DEV} - {requirements} if requirements != BUILD else ():
        stamp_file(venv, other).unlink(missing_ok=True)
    file = stamp_file(venv, requirements)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(fingerprint(root, requirements), "utf-8")
    part.replace(file)


def stamp_file(venv: Path, requirements: str) -> Path:
    """Where it is noted that `requirements` are installed."""
    return venv / f".{requirements}.stamp"


def unfinished(venv: Path) -> Path:
    """The file that exists while pip is at work."""
    return venv / ".pip-at-work"


def fingerprint(root: Path, requirements: str) -> str:
    """What an environment depends on: Python's version and the requirement files."""
    digest = hashlib.sha256(dotted(sys.version_info[:2]).encode())
    for name in sorted({BUILD, requirements}):
        digest.update((root / name).read_bytes())
    return digest.hexdigest() + "\n"


def say(text: str) -> None:
    """One line of progress, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
