"""Renews the locked requirements and the jars' checksums: `make lock`, after a change of pyproject.toml or ivy.xml."""

import subprocess
import sys
import tempfile
from pathlib import Path

from contracts.settings import PROJECT_DIR, load_settings
from scripts.stack.bootstrap_venv import BUILD, DEV, OLDEST, RUNTIME, dotted
from scripts.stack.jars.fetch import relearn_jars

FORM = (
    "--universal",
    "--python-version",
    dotted(OLDEST),
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--quiet",
)


def main() -> int:
    """Resolve everything anew. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        uv = _install_uv(Path(folder))
        _compile(uv, "pyproject.toml", "--extra", "build", "--extra", "dev", "--output-file", DEV)
        _compile(uv, "pyproject.toml", "--constraint", DEV, "--output-file", RUNTIME)
        wanted = Path(folder) / "build.in"
        wanted.write_text("\n".join(_build_extra()) + "\n", "utf-8")
        _compile(uv, str(wanted), "--constraint", DEV, "--output-file", BUILD)
    relearn_jars(load_settings().cache_dir, print)
    return 0


def _install_uv(folder: Path) -> Path:
    """uv, in an environment that is thrown away: the lab itself does not need it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    subprocess.run([str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"], check=True)
    return folder / "venv" / "bin" / "uv"


def _compile(uv: Path, source: str, *options: str) -> None:
    print(f"locking {options[-1]}", flush=True)
    subprocess.run([str(uv), "pip", "compile", source, *FORM, "--upgrade", *options], check=True, cwd=PROJECT_DIR)


def _build_extra(project: Path = PROJECT_DIR) -> list[str]:
    """The requirements of the extra `build`, which alone go into an environment before everything else."""
    lines = (project / "pyproject.toml").read_text("utf-8").splitlines()
    (line,) = [each for each in lines if each.startswith("build = [")]
    return [part for part in line.split('"')[1::2] if part]


if __name__ == "__main__":
    sys.exit(main())
