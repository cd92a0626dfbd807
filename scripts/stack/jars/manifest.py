"""The checksums of the jars, and whether the files on disk are those."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).parent / "jars.sha256"
STAMP = "verified.json"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Jar:
    """One downloaded file: `path` is `group/name` below the folder of jars, `sha256` in hexadecimal."""

    path: str
    sha256: str

    @property
    def group(self) -> str:
        """Ivy's configuration that brings it: kafka, registry or spark."""
        return self.path.partition("/")[0]


def read_manifest(path: Path = MANIFEST) -> list[Jar]:
    """The jars of `jars.sha256` (lines as `sha256sum` writes them)."""
    lines = (line.split() for line in path.read_text("utf-8").splitlines() if line.strip())
    return [Jar(name, digest) for digest, name in lines]


def write_manifest(folder: Path, path: Path = MANIFEST) -> None:
    """Write down what is below `folder`, after a change of the pinned list."""
    files = sorted(each for each in folder.glob("*/*") if each.is_file())
    path.write_text("".join(f"{sha256(each)}  {each.relative_to(folder)}\n" for each in files), "utf-8")


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def broken(folder: Path, jars: list[Jar]) -> list[Jar]:
    """The jars that are missing below `folder` or are not what the manifest says.

    Files that were hashed before and have kept their size and time are not hashed again.
    """
    seen = _read_stamp(folder)
    wrong: list[Jar] = []
    good: dict[str, list[str | int]] = {}
    for jar in jars:
        file = folder / jar.path
        if not file.is_file():
            wrong.append(jar)
            continue
        mark: list[str | int] = [jar.sha256, file.stat().st_size, file.stat().st_mtime_ns]
        if seen.get(jar.path) == mark or sha256(file) == jar.sha256:
            good[jar.path] = mark
        else:
            wrong.append(jar)
    if good != seen:
        _write_stamp(folder, good)
    return wrong


def _read_stamp(folder: Path) -> dict[str, list[str | int]]:
    try:
        stamp: dict[str, list[str | int]] = json.loads((folder / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


def _write_stamp(folder: Path, good: dict[str, list[str | int]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{STAMP}.part"
    part.write_text(json.dumps(good), "utf-8")
    part.replace(folder / STAMP)
