"""Which columns of a SELECT list are the key of a persistent query's result, and what is said when one is missing."""

from __future__ import annotations

from collections.abc import Sequence

from ksql_engine.dialect.ast import ColumnRef
from ksql_engine.dialect.text import expression_text, listed
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
            raise _twice(relation, relation.keys[place].name, chosen)
        if chosen:
            keys[place] = chosen[0].name
            values.remove(chosen[0])
    _check_present(relation, keys, target)
    _check_clash(keys, values)
    if not values:
        raise StatementError("The projection contains no value columns.")
    return keys, values


def _chosen(selected: Sequence[Selected], choices: Sequence[ColumnRef]) -> list[Selected]:
    """Return the items that are the first of the `choices` which is selected at all."""
    for choice in choices:
        found = [column for column in selected if column.expression == choice]
        if found:
            return found
    return []


def _twice(relation: Relation, key: str, chosen: Sequence[Selected]) -> StatementError:
    names = [column.name for column in chosen]
    if _grouped(relation):
        problem = f"more than once: {listed(f'`{name}`' for name in names)}"
    else:
        problem = f"(`{key}`) more than once, aliased as: {listed(names)}"
    return StatementError(
        f"The projection contains a key column {problem}.\n"
        f"Each key column must only be in the projection once. If you intended to copy the key into the value, then "
        f"consider using the AS_VALUE function to indicate which key reference should be copied."
    )


def _grouped(relation: Relation) -> bool:
    return relation.kind == TABLE and not relation.joined and relation.scope.columns[0].source is None


def _check_present(relation: Relation, keys: dict[int, str], target: str) -> None:
    missing = [column for place, column in enumerate(relation.keys) if place not in keys]
    if not missing:
        return
    if relation.foreign:
        raise _missing_primary_key(relation, missing)
    if relation.joined:
        raise _missing_join_key(relation, target)
    if _grouped(relation):
        raise _missing("grouping expression", [column.name for column in missing], target)
    if relation.partitioned:
        raise _missing("partitioning expression", relation.partitioned, target)
    raise _missing("key column", [column.name for column in relation.keys], target)


def _missing_primary_key(relation: Relation, missing: Sequence[Column]) -> StatementError:
    s = "s" if len(missing) > 1 else ""
    names = ", ".join(f"`{column.name}`" for column in missing)
    return StatementError(
        f"Primary key column{s} missing in projection. For foreign-key table-table joins, the projection must include "
        f"all primary key columns from the left input table (`{relation.key_choices[0][0].source}`). "
        f"Missing column{s}: {names}."
    )


def _missing_join_key(relation: Relation, target: str) -> StatementError:
    """Return the error of a join none of whose equal columns is selected: one of them would do."""
    names = [expression_text(choice) for choice in relation.key_choices[0]]
    hint = (
        f"\n{names[0]} was added as a synthetic key column because the join criteria did not match any source column. "
        f"This expression must be included in the projection and may be aliased."
    )
    s = "s" if len(names) > 1 else ""
    return _needed(f"join expression{s} {listed(names, 'or')}", names[0], target, hint if relation.synthetic else "")


def _missing(what: str, names: Sequence[str], target: str) -> StatementError:
    s = "s" if len(names) > 1 else ""
    return _needed(f"{what}{s} {listed(names)}", ", ".join(names), target)


def _needed(what: str, example: str, target: str, hint: str = "") -> StatementError:
    return StatementError(
        f"Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\n"
        f"The query used to build `{target}` must include the {what} in its projection (eg, SELECT {example}...).{hint}"
    )


def _check_clash(keys: dict[int, str], values: Sequence[Selected]) -> None:
    for column in values:
        if column.name in keys.values():
            raise StatementError(f"The projection contains a column name twice: `{column.name}`")
