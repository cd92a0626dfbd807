"""What all forms of GROUP BY share: a row's group and arguments, and the states of a group's aggregates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ksql_engine.errors import EvaluationError, QueryFailedError
from ksql_engine.operators.base import Report, has_null
from ksql_engine.plan.model import AggregateStep
from ksql_engine.types import Row

_NULL_GROUP = "Group-by column with index {} resolved to null. The source row will be excluded from the table."

Contribution = tuple[Row, Row]
"""A row's group and the argument of each aggregate."""


class Fold:
    """The aggregates of one GROUP BY over tuples of states, one state for each aggregate."""

    def __init__(self, step: AggregateStep, report: Report) -> None:
        """Fold as `step` says; a group or an argument that cannot be computed is null and goes to `report`."""
        self.initial: Row = tuple(aggregator.initial for aggregator in step.aggregators)
        self._group, self._args, self._slots = step.group, step.args, step.slots
        self._whole = all(slot == (place, 1) for place, slot in enumerate(step.slots))
        self._add = _each([aggregator.add for aggregator in step.aggregators], ("states", "others"))
        self._undo = _each([aggregator.undo for aggregator in step.aggregators], ("states", "others"))
        self._merge = _each([aggregator.merge for aggregator in step.aggregators], ("states", "others"))
        results = [aggregator.result for aggregator in step.aggregators]
        self._show = _each(results, ("states",)) if any(results) else None
        self._report = report

    def contribution(self, key: Row, value: Row) -> Contribution | None:
        """Return what a row gives to which group, or None when a grouping value is null."""
        group = self._group(key, value, self._report)
        if None in group:
            message = _NULL_GROUP.format(has_null(group))
            self._report(message, EvaluationError(message))
            return None
        args = self._args(key, value, self._report)
        return group, args if self._whole else tuple([_argument(args, start, count) for start, count in self._slots])

    def add(self, states: Row, args: Row) -> Row:
        """Return the states with a row added."""
        return _changed(self._add, states, args)

    def undo(self, states: Row, args: Row) -> Row:
        """Return the states with a row taken back."""
        return _changed(self._undo, states, args)

    def merge(self, one: Row, other: Row) -> Row:
        """Return the states of the rows of both."""
        return _changed(self._merge, one, other)

    def row(self, states: Row) -> Row:
        """Return what states show."""
        return states if self._show is None else self._show(states)


def _changed(change: Callable[..., Row], states: Row, others: Row) -> Row:
    """Return all states changed. Raises QueryFailedError when one cannot be: the record cannot be left out."""
    try:
        return change(states, others)
    except Exception as error:
        raise QueryFailedError(f"Exception caught in process. {error}") from error


def _each(functions: Sequence[Callable[..., Any] | None], parameters: Sequence[str]) -> Callable[..., Row]:
    """Return one function over tuples that calls each of `functions` with the values at its place.

    Where there is none the value of the first tuple stays.
    """
    names: dict[str, Any] = {f"f{place}": one for place, one in enumerate(functions)}
    parts = [
        f"{parameters[0]}[{place}]"
        if one is None
        else f"f{place}({', '.join(f'{parameter}[{place}]' for parameter in parameters)})"
        for place, one in enumerate(functions)
    ]
    code = f"lambda {', '.join(parameters)}: ({''.join(f'{part}, ' for part in parts)})"
    made: Callable[..., Row] = eval(code, names)  # noqa: S307 - written here
    return made


def _argument(args: Row, start: int, count: int) -> Any:
    if count == 1:
        return args[start]
    return None if count == 0 else args[start : start + count]
