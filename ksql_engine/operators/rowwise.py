"""Operators that look at one record alone: filter, table functions and projection."""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from ksql_engine.operators.base import Emit, Report
from ksql_engine.plan.model import ExplodeStep, FilterStep, ProjectStep
from ksql_engine.types import Row


def filter_operator(step: FilterStep, emit: Emit, report: Report) -> Emit:
    """Keep records whose predicate is true; a table's other records become deletions."""
    predicate, table, text = step.predicate, step.table, step.text

    def process(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            if table:
                emit(key, None, time)
            return
        try:
            keep = predicate(key, value, report)
        except Exception as error:
            report(f"Error evaluating predicate {text}", error)
            keep = False
        if keep is True:
            emit(key, value, time)
        elif table:
            emit(key, None, time)

    return process


def explode_operator(step: ExplodeStep, emit: Emit, report: Report) -> Emit:
    """Pass on each record once for every item of its longest list; shorter lists go on with null."""
    lists = step.items

    def process(key: Row, value: Row | None, time: int) -> None:
        if value is None:
            return
        held = lists(key, value, report)
        for items in zip_longest(*[items or () for items in held]):
            emit(key, (*value, *items), time)

    return process


def project_operator(step: ProjectStep, emit: Emit, report: Report) -> Emit:
    """Compute a new value, and a new key where the step has one; a null value stays null."""
    make_value, make_key = step.value, step.key

    def project(key: Row, value: Row | None, time: int) -> None:
        emit(key, None if value is None else make_value(key, value, report), time)

    if make_key is None:
        return project

    def project_both(key: Row, value: Row | None, time: int) -> None:
        if value is not None:
            emit(make_key(key, value, report), make_value(key, value, report), time)
        else:
            emit(make_key(key, _NULLS, _ignore), None, time)

    return project_both


class _Nulls:
    """The columns of a null value: each is null."""

    def __getitem__(self, _place: int) -> None:
        return None


_NULLS: Final = _Nulls()


def _ignore(_message: str, _error: Exception) -> None:
    """A null value gives null keys from its columns, which is no error."""
