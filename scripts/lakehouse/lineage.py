"""Where does a table come from? As declared in the contract, and as its commits say that it was."""

from dataclasses import dataclass, field

from contracts.model import Table
from contracts.origin import Origin
from scripts.lakehouse.history import Commit, commits
from scripts.lakehouse.store import Store

COMMITS_LOOKED_AT = 50


@dataclass(frozen=True)
class Lineage:
    """A table's declared sources and topic, and the newest commit that says what it was made from.

    `undeclared` are what its last commits read although no contract says so.
    """

    table: str
    writer: str
    sources: list[str]
    topic: str | None
    version: int | None = None
    made: Commit | None = None
    undeclared: list[str] = field(default_factory=list)


def lineage(store: Store, table: Table) -> Lineage:
    """The lineage of one table."""
    declared = [_name(source) for source in table.sources]
    topic = table.topic.name if table.topic else None
    if table not in store.made():
        return Lineage(table.full_name, table.writer, declared, topic)
    known = commits(store, table, COMMITS_LOOKED_AT)
    told = [commit for commit in known if commit.origin]
    read = {name for commit in told if commit.origin for name in commit.origin.sources}
    return Lineage(
        table.full_name,
        table.writer,
        declared,
        topic,
        known[0].version,
        told[0] if told else None,
        # A recomputation compares with the rows it wrote before, and so reads its own table.
        sorted(read - set(declared) - {table.full_name}),
    )


def upstream(store: Store, table: Table) -> list[Table]:
    """`table` and every table behind it, the nearest first."""
    found = [table]
    for each in found:
        found += [source for source in each.sources if isinstance(source, Table) and source not in found]
    return found


def in_words(origin: Origin) -> str:
    """What a turn read, one source after the other."""
    return "; ".join(f"{name} {words}" for name, words in by_source(origin).items())


def by_source(origin: Origin) -> dict[str, str]:
    """What a turn read of each source, in words."""
    found: dict[str, list[str]] = {}
    for name, (first, last) in origin.changes.items():
        span = f"{first}" if first == last else f"{first}..{last}"
        found.setdefault(name, []).append(f"changes of {span}")
    for name, version in origin.rows.items():
        found.setdefault(name, []).append(f"rows of {version}")
    for topic, parts in origin.offsets.items():
        spans = (f"{number}:{first}..{end - 1}" for number, (first, end) in sorted(parts.items()))
        found[topic] = [f"offsets {' '.join(spans)}"]
    return {name: ", ".join(words) for name, words in found.items()}


def _name(source: object) -> str:
    return source.full_name if isinstance(source, Table) else str(getattr(source, "name", source))
