"""What verify prints."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.verify.latency import Latencies, Spread
from scripts.verify.play import Hops, Played

HOPS = {
    "acknowledged": "acknowledged",
    "live": "live view",
    "live_settled": "live stage",
    "gold": "gold view",
    "gold_settled": "gold stage",
}


def story_json(customer_id: str, played: list[Played], whole: int) -> dict[str, Any]:
    """The story as JSON; hops in seconds from the click."""
    steps = [
        {
            "step": one.step.title,
            "stage": one.step.expected.stage,
            **{f"{name}_s": _rounded(getattr(one.hops, name)) for name in HOPS},
            "missing": one.missing,
        }
        for one in played
    ]
    agreed = len(played) == whole and not any(one.missing for one in played)
    return {"customer_id": customer_id, "agreed": agreed, "steps": steps}


def show_story(played: list[Played], console: Console) -> None:
    """One row per step: the stage it must lead to, and seconds from the click to each hop."""
    table = Table(title="One customer's story: from the click to …", title_justify="left")
    table.add_column("step")
    table.add_column("stage")
    for title in HOPS.values():
        table.add_column(title, justify="right")
    for one in played:
        table.add_row(one.step.title, one.step.expected.stage, *(_cell(one.hops, name) for name in HOPS))
    console.print(table)
    for one in played:
        for text in one.missing:
            console.print(Text(f"missing after “{one.step.title}”: {text}", "red"))


def show_latencies(found: Latencies, console: Console) -> None:
    """First click, then percentiles of the others."""
    table = Table(title="Single orders: from the click to …", title_justify="left")
    for title in ("", "first click", "orders", "p50", "p95", "max"):
        table.add_column(title, justify="right" if title else "left")
    table.add_row("live view", _seconds(found.first_live_s), *_spread_cells(found.live))
    table.add_row("gold view", _seconds(found.first_gold_s), *_spread_cells(found.gold))
    console.print(table)


def _spread_cells(found: Spread | None) -> tuple[str, ...]:
    if found is None:
        return "0", "", "", ""
    return str(found.count), _seconds(found.p50_s), _seconds(found.p95_s), _seconds(found.max_s)


def _cell(hops: Hops, name: str) -> Text:
    seconds = getattr(hops, name)
    return Text("missing", "bold red") if seconds is None else Text(_seconds(seconds))


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
