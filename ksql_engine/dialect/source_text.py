"""CREATE STREAM and CREATE TABLE back to text, with all their columns."""

from __future__ import annotations

from typing import Any

from ksql_engine.dialect.statements import ColumnDefinition, CreateSource


def source_text(statement: CreateSource) -> str:
    """Return a statement that means the same as `statement`; its columns are all written out."""
    words = ["CREATE"]
    if statement.or_replace:
        words.append("OR REPLACE")
    if statement.read_only:
        words.append("SOURCE")
    words.append(statement.kind)
    if statement.if_not_exists:
        words.append("IF NOT EXISTS")
    columns = ", ".join(map(_column, statement.columns))
    properties = ", ".join(f"{name}={_literal(value)}" for name, value in statement.properties.items())
    return f"{' '.join(words)} {_name(statement.name)} ({columns}) WITH ({properties});"


def _column(column: ColumnDefinition) -> str:
    role = column.role
    if column.header is not None:
        role = f"HEADER({_literal(column.header)})"
    return f"{_name(column.name)} {column.type}{' ' if role else ''}{role}"


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
