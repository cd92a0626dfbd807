"""`lab audit`: exit 0 when the books balance, 1 with the first differences by id, 2 when it cannot run."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console

from contracts.heartbeat import read_heartbeat
from contracts.marketing import MARKETING, POSITIONS
from contracts.settings import Settings, load_settings
from scripts.audit.cache import Cache
from scripts.audit.comparison import Comparison, Readers
from scripts.audit.errors import CannotAudit
from scripts.audit.lakehouse import Lakehouse
from scripts.audit.ledgers import Ledgers
from scripts.audit.registry import Codecs
from scripts.audit.report import show
from scripts.audit.settle import Outcome, Settling
from scripts.audit.topics import Topics
from scripts.screen import screen

DIFFERS, CANNOT_RUN = 1, 2
BEATING = ("spark", "projector", "stage-keeper")


def audit(
    deadline: Annotated[float, typer.Option(min=0, help="Seconds until the books must balance.")] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Recompute everything from the topics, and compare: bronze, silver, gold, every view."""
    console = screen()
    settings = load_settings()
    try:
        outcome = run_audit(settings, deadline)
    except CannotAudit as error:
        if as_json:
            typer.echo(json.dumps({"balanced": False, "cannot_run": error.what, "remedy": error.remedy}))
        else:
            Console(stderr=True).print(f"[bold red]The audit cannot run:[/] {error.what}\n  Remedy: {error.remedy}")
        raise typer.Exit(CANNOT_RUN) from error
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), indent=2))
    else:
        show(outcome, console)
    if not outcome.is_balanced:
        raise typer.Exit(DIFFERS)


def run_audit(settings: Settings, deadline_s: float) -> Outcome:
    """Audit the lab of `settings`; wait at most `deadline_s` seconds until its books balance.

    Raises:
        CannotAudit: a service does not answer.
    """
    topics, cache = Topics(settings.kafka_client), Cache(settings.redis_url)
    lakehouse, codecs = Lakehouse(settings.delta_root), Codecs(settings.registry_url, settings.checkpoints_dir)
    readers = Readers(topics, codecs, lakehouse, cache, Ledgers(settings))
    names = [topic.name for topic in MARKETING.topics if not topic.internal]
    settling = Settling(
        ends=lambda: topics.spans(names),
        progress=lambda: cache.fields(POSITIONS),
        compare=Comparison(readers).run,
    )
    outcome = settling.run(deadline_s)
    if not outcome.is_balanced:
        outcome.hints += hints(settings, time.time_ns() // 1_000_000)
    return outcome


def hints(settings: Settings, now_ms: int) -> list[str]:
    """Which services do not beat, or say that they wait: what may be behind a difference."""
    found = []
    for service in BEATING:
        beat = read_heartbeat(settings.run_dir, service)
        if beat is None:
            found.append(f"{service} has never beaten: is it running? (make status)")
        elif not beat.is_fresh(now_ms):
            found.append(f"{service} last beat {(now_ms - beat.at_ms) / 1000:.0f} s ago: is it running? (make status)")
        elif beat.state != "running":
            found.append(f"{service} is {beat.state}: {beat.detail.get('reason', 'no reason given')}")
    return found
