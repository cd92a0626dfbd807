"""A CREATE .. AS SELECT the way ksqlDB writes it down: every column under its source and with its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import CreateAsSelect, JoinClause, Query, SelectItem, SourceRef, Window
from ksql_engine.dialect.text import expression_text, name_text
from ksql_engine.expressions.scope import Scope
from ksql_engine.plan.select import Selected, qualify


def create_as_text(statement: CreateAsSelect, selected: Sequence[Selected], scope: Scope) -> str:
    """Return a statement for messages; `selected` and `scope` are of its query before any grouping."""
    query = statement.query
    if any(item.unpack for item in query.items):
        return statement.text
    replacing = "OR REPLACE " if statement.or_replace else ""
    head = f"CREATE {replacing}{statement.kind} {name_text(statement.name)}"
    if statement.properties:
        head += f" WITH ({', '.join(f'{name}={_value(value)}' for name, value in statement.properties.items())})"
    return "\n".join([f"{head} AS {_select(query.items, selected)}", *_clauses(query, scope)])


def _value(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _select(items: Sequence[SelectItem], selected: Sequence[Selected]) -> str:
    columns = iter([column for column in selected if not column.star])
    texts = [_item(item, columns) for item in items]
    return f"SELECT {texts[0]}" if len(texts) == 1 else "SELECT\n  " + ",\n  ".join(texts)


def _item(item: SelectItem, columns: Iterator[Selected]) -> str:
    if item.expression is None:
        return f"{name_text(item.source)}.*" if item.source else "*"
    column = next(columns)
    return f"{expression_text(column.expression)} {name_text(column.name)}"


def _clauses(query: Query, scope: Scope) -> list[str]:
    def shown(expr: ast.Expr) -> str:
        return expression_text(qualify(expr, scope))

    lines = [f"FROM {_source(query.source)}", *(_join(join, shown(join.condition)) for join in query.joins)]
    if query.window is not None:
        lines.append(f"WINDOW {_window(query.window)}")
    if query.where is not None:
        lines.append(f"WHERE {shown(query.where)}")
    for clause, expressions in (("GROUP BY", query.group_by), ("PARTITION BY", query.partition_by)):
        if expressions:
            lines.append(f"{clause} {', '.join(map(shown, expressions))}")
    if query.having is not None:
        lines.append(f"HAVING {shown(query.having)}")
    return [*lines, f"EMIT {query.emit or 'CHANGES'}"]


def _source(ref: SourceRef) -> str:
    return f"{name_text(ref.name)} {name_text(ref.alias)}"


def _join(join: JoinClause, condition: str) -> str:
    kind = join.kind if join.kind == "INNER" else f"{join.kind} OUTER"
    within = ""
    if join.within is not None:
        before, after = (f"{millis} MILLISECONDS" for millis in join.within)
        within = f" WITHIN {before}" if before == after else f" WITHIN ({before}, {after})"
    if join.grace is not None:
        within += f" GRACE PERIOD {join.grace} MILLISECONDS"
    return f"{kind} JOIN {_source(join.right)}{within} ON ({condition})"


def _window(window: Window) -> str:
    parts = [f"{'' if window.kind == 'SESSION' else 'SIZE '}{window.size} MILLISECONDS"]
    if window.kind == "HOPPING":
        parts.append(f"ADVANCE BY {window.advance} MILLISECONDS")
    if window.retention is not None:
        parts.append(f"RETENTION {window.retention} MILLISECONDS")
    if window.grace is not None:
        parts.append(f"GRACE PERIOD {window.grace} MILLISECONDS")
    return f"{window.kind} ({', '.join(parts)})"
