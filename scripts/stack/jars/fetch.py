"""Brings the pinned jars into the cache, once, with the Ivy that is inside pyspark."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from scripts.stack.errors import SetupFailed
from scripts.stack.jars.manifest import Jar, broken, read_manifest, sha256, write_manifest
from scripts.stack.java import network_options, real_java
from scripts.stack.locks import file_lock

IVY_XML = Path(__file__).parent / "ivy.xml"
GROUPS = ("kafka", "registry", "spark")
PATTERN = "[conf]/[artifact]-[revision](-[classifier]).[ext]"
UNPACKED = ".unpacked"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Fetched:
    """What was brought: bytes that came over the network, and whether anything had to be done."""

    bytes: int
    changed: bool


def ensure_jars(cache_dir: Path, say: Say) -> Fetched:
    """Make `jars/kafka`, `jars/spark` and `registry` below `cache_dir` what the pinned list says.

    Safe when two run at once: the second waits and finds the work done.

    Raises:
        SetupFailed: something cannot be downloaded, or is not what its checksum says.
    """
    with file_lock(cache_dir / "jars.lock", lambda: say("another set-up is fetching the jars; waiting for it")):
        missing = missing_jars(cache_dir)
        if not missing:
            return Fetched(0, changed=False)
        groups = sorted({jar.group for jar in missing})
        say(f"jars: {len(missing)} missing or damaged ({', '.join(groups)})")
        size = _resolve(cache_dir, groups, say)
        still = missing_jars(cache_dir)
        if still:
            raise SetupFailed(
                f"{still[0].path} is not what scripts/stack/jars/jars.sha256 says ({still[0].sha256}); "
                "it was changed where it came from or on its way"
            )
        return Fetched(size, changed=True)


def relearn_jars(cache_dir: Path, say: Say) -> None:
    """Resolve `ivy.xml` anew and write the checksums of what it brings: for those who change the list."""
    folder = cache_dir / "relearned"
    _run_ivy(cache_dir, list(GROUPS), folder, say)
    write_manifest(folder)
    shutil.rmtree(folder)


def missing_jars(cache_dir: Path) -> list[Jar]:
    """What must be fetched; the registry's archive is not kept once it is unpacked."""
    jars = read_manifest()
    archives = [jar for jar in jars if jar.group == "registry"]
    wrong = broken(cache_dir / "jars", [jar for jar in jars if jar.group != "registry"])
    return wrong + [jar for jar in archives if not _is_unpacked(cache_dir / "registry", jar)]


def _resolve(cache_dir: Path, groups: list[str], say: Say) -> int:
    """Fetch the groups and put them in their places. Returns the bytes that Ivy downloaded."""
    arrived = cache_dir / "arrived"
    size = _run_ivy(cache_dir, groups, arrived, say)
    for jar in read_manifest():
        came = arrived / jar.path
        if jar.group not in groups or not came.exists() or sha256(came) != jar.sha256:
            continue
        if jar.group == "registry":
            say("unpacking the schema registry")
            _unpack(came, cache_dir / "registry", jar)
            continue
        (cache_dir / "jars" / jar.group).mkdir(parents=True, exist_ok=True)
        came.replace(cache_dir / "jars" / jar.path)
    shutil.rmtree(arrived, ignore_errors=True)
    # Kept only while something is missing, so that an interrupted set-up goes on where it was.
    shutil.rmtree(cache_dir / "ivy", ignore_errors=True)
    return size


def _run_ivy(cache_dir: Path, groups: list[str], into: Path, say: Say) -> int:
    ivy_home = cache_dir / "ivy"
    command = [
        *(str(real_java()), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *network_options(cache_dir),
        *(f"-Divy.default.ivy.user.dir={ivy_home}", "-jar", str(_ivy_jar())),
        *("-ivy", str(IVY_XML), "-cache", str(ivy_home / "cache"), "-confs", *groups),
        *("-retrieve", str(into / PATTERN)),
    ]
    size = 0
    tail: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            tail = [*tail[-30:], line.rstrip()]
            if "downloading" in line and ".jar" in line + ".tar.gz":
                say("  " + line.strip().removesuffix("...").rstrip().rpartition("/")[2])
            size += sum(1024 * int(kilobytes) for kilobytes in re.findall(r"\((\d+)kB\)", line))
    if process.returncode:
        text = "\n".join(each for each in tail if each.strip())
        raise SetupFailed(
            f"the jars could not be fetched (Ivy ended with {process.returncode}). The end of what it said:\n{text}\n"
            "Remedy: check the network; behind a company proxy set https_proxy and SSL_CERT_FILE; then make setup"
        )
    return size


def _ivy_jar() -> Path:
    spec = find_spec("pyspark")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = sorted(jar for folder in folders for jar in (Path(folder) / "jars").glob("ivy-*.jar"))
    if not found:
        raise SetupFailed("pyspark is not installed completely: no jars/ivy-*.jar in it; make distclean setup")
    return found[-1]


def _unpack(archive: Path, target: Path, jar: Jar) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(archive) as tar:
        # The archive is the one whose checksum is pinned.
        tar.extractall(part)  # noqa: S202 - its checksum was compared
    (part / UNPACKED).write_text(f"{jar.sha256} {_content(part)}\n", "utf-8")
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)


def _is_unpacked(target: Path, jar: Jar) -> bool:
    try:
        return (target / UNPACKED).read_text("utf-8").strip() == f"{jar.sha256} {_content(target)}"
    except OSError:
        return False


def _content(folder: Path) -> str:
    """How many files are below `folder` and how many bytes they have: enough to see that some are gone."""
    sizes = [each.stat().st_size for each in folder.rglob("*") if each.is_file() and each.name != UNPACKED]
    return f"{len(sizes)} {sum(sizes)}"
