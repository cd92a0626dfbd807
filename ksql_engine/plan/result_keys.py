"""Which columns of a SELECT list are the key of a persistent query's result, and what is said when one is missing."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.dialect.ast import ColumnRef
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.plan.model import TABLE, Column
from ksql_engine.plan.relation import Relation
from ksql_engine.plan.select import Selected


def split_keys(relation: Relation, selected: Sequence[Selected], target: str) -> tuple[dict[int, str], list[Selected]]:
    """Return the names of the key columns by position, and the value columns.

    Raises StatementError when the key is not selected, or selected twice.
    """
    keys: dict[int, str] = {}
    values = list(selected)
    for place, choices in enumerate(relation.key_choices):
        chosen = _chosen(values, choices)
        if len(chosen) > 1:
            raise StatementError(
                f"The projection contains a key column more than once: {_listed(chosen)}.\n"
                f"Each key column must only be in the projection once. If you intended to copy the key into the "
                f"value, then consider using the AS_VALUE function to indicate which key reference should be copied."
            )
        if chosen:
            keys[place] = chosen[0].name
            values.remove(chosen[0])
    _check_present(relation, keys, target)
    _check_clash(keys, values)
    return keys, values


def _chosen(selected: Sequence[Selected], choices: Sequence[ColumnRef]) -> list[Selected]:
    """Return the items that are the first of the `choices` which is selected at all."""
    for choice in choices:
        found = [column for column in selected if column.expression == choice]
        if found:
            return found
    return []


def _listed(columns: Sequence[Selected]) -> str:
    names = [f"`{column.name}`" for column in columns]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _check_present(relation: Relation, keys: dict[int, str], target: str) -> None:
    missing = [column for place, column in enumerate(relation.keys) if place not in keys]
    if not missing:
        return
    if relation.foreign:
        raise _missing_primary_key(relation, missing)
    if relation.joined:
        raise _missing_join_key(relation, target)
    grouped = relation.kind == TABLE and relation.scope.columns[0].source is None
    names = [column.name for column in missing]
    raise _missing("grouping expression" if grouped else "key column", names, ", ".join(names), target)


def _missing_primary_key(relation: Relation, missing: Sequence[Column]) -> StatementError:
    s = "s" if len(missing) > 1 else ""
    names = ", ".join(f"`{column.name}`" for column in missing)
    return StatementError(
        f"Primary key column{s} missing in projection. For foreign-key table-table joins, the projection must include "
        f"all primary key columns from the left input table (`{relation.key_choices[0][0].source}`). "
        f"Missing column{s}: {names}."
    )


def _missing_join_key(relation: Relation, target: str) -> StatementError:
    names = [expression_text(choice) for choice in relation.key_choices[0]]
    either = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    hint = (
        f"\n{names[0]} was added as a synthetic key column because the join criteria did not match any source column. "
        f"This expression must be included in the projection and may be aliased."
    )
    return _missing("join expression", names, either, target, hint if relation.synthetic else "")


def _missing(what: str, names: Sequence[str], listed: str, target: str, hint: str = "") -> StatementError:
    return StatementError(
        f"Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\n"
        f"The query used to build `{target}` must include the {what}{'s' if len(names) > 1 else ''} {listed} "
        f"in its projection (eg, SELECT {names[0]}...).{hint}"
    )


def _check_clash(keys: dict[int, str], values: Sequence[Selected]) -> None:
    for column in values:
        if column.name in keys.values():
            raise StatementError(f"The projection contains a column name twice: `{column.name}`")
