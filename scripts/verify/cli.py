"""`lab verify`: exit 0 when live and gold agree with the rules, 1 naming what is missing, 2 when the page is down."""

import json
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from contracts.settings import load_settings
from scripts.screen import screen
from scripts.verify.client import Page
from scripts.verify.errors import PageDown, VerifyError
from scripts.verify.latency import latencies
from scripts.verify.play import play_orders, play_story
from scripts.verify.report import show_latencies, show_story, story_json
from scripts.verify.story import STORY

MISSING, PAGE_DOWN = 1, 2


def verify(
    orders: Annotated[int, typer.Option(min=0, help="Measure so many single orders instead of the story.")] = 0,
    deadline: Annotated[float, typer.Option(min=1, help="Seconds each click has to reach every view.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Play one customer's story through the page, and wait for live and gold to agree with the rules."""
    page = Page(load_settings().web_url)
    try:
        if orders:
            _measure(page, orders, deadline, as_json)
        else:
            _tell(page, deadline, as_json)
    except PageDown as error:
        _fail(f"{error}. Remedy: make up; make status shows what is down", PAGE_DOWN, as_json)
    except VerifyError as error:
        _fail(str(error), MISSING, as_json)


def _tell(page: Page, deadline_s: float, as_json: bool) -> None:
    customer_id, played = play_story(page, deadline_s)
    outcome = story_json(customer_id, played, len(STORY))
    if as_json:
        _print(outcome)
    else:
        console = screen()
        show_story(played, console)
        if outcome["agreed"]:
            console.print(Text(f"Live and gold agree: {page.url}/customers/{customer_id}", "bold green"))
    if not outcome["agreed"]:
        raise typer.Exit(MISSING)


def _measure(page: Page, orders: int, deadline_s: float, as_json: bool) -> None:
    customer_id, hops = play_orders(page, orders, deadline_s)
    found = latencies(hops)
    if as_json:
        _print({"customer_id": customer_id, "orders": orders, **found.as_json()})
    else:
        show_latencies(found, screen())


def _fail(text: str, code: int, as_json: bool) -> NoReturn:
    if as_json:
        _print({"agreed": False, "missing": text})
    else:
        Console(stderr=True).print(Text(text, "bold red"))
    raise typer.Exit(code)


def _print(outcome: dict[str, Any]) -> None:
    typer.echo(json.dumps(outcome, indent=2))
