"""All checks, in the order in which a person would fix what they find."""

from scripts.stack.doctor import installation, machine
from scripts.stack.doctor.finding import Check, Finding, Level
from scripts.stack.errors import PreflightFailed
from scripts.stack.lab import NativeLab
from scripts.stack.start import Say

CHECKS: tuple[tuple[str, Check], ...] = (
    ("Python version", machine.python_version),
    ("mode", installation.mode),
    ("environment", installation.environment),
    ("downloads", installation.downloads),
    ("folders", installation.folders),
    ("disk", machine.disk),
    ("memory", machine.memory),
    ("socket", machine.socket_name),
    ("left processes", installation.left_processes),
    ("ports", machine.ports),
    ("cluster ids", installation.cluster_ids),
)


def examine(lab: NativeLab) -> dict[str, list[Finding]]:
    """What each check finds, by its name; an empty list is good."""
    return {name: list(check(lab)) for name, check in CHECKS}


def preflight(lab: NativeLab, say: Say) -> None:
    """Say what is found, and stop what comes after it when something would make it fail.

    Raises:
        PreflightFailed: at least one finding is an error.
    """
    findings = [finding for found in examine(lab).values() for finding in found]
    for finding in findings:
        say(f"{finding.level.value}: {finding.text}. Remedy: {finding.remedy}")
    errors = sum(finding.level is Level.ERROR for finding in findings)
    if errors:
        raise PreflightFailed(f"the preflight found {errors} error{'s' if errors > 1 else ''}; nothing was started")
