"""What a bootstrap step did, for people and for `make`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """One line per thing that was looked at; `changed` counts those that were not as they should be."""

    lines: list[str] = field(default_factory=list)
    changed: int = 0
