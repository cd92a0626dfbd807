"""What CREATE OR REPLACE and ALTER may change of a source, and whether a name is free."""

from __future__ import annotations

from dataclasses import replace

from ksql_engine.dialect.statements import AlterSource
from ksql_engine.errors import StatementError
from ksql_engine.plan.format_rules import check_formats
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import RESERVED_NAMES, Column, Schema, Source


def check_free(kind: str, name: str, metastore: Metastore) -> None:
    """Raise StatementError when a source called `name` exists, which a CREATE of `kind` does not replace."""
    found = metastore.sources.get(name)
    if found is not None:
        raise StatementError(
            f"Cannot add {kind.lower()} '{name}': A {found.kind.lower()} with the same name already exists"
        )


def refused_replacement(kind: str, name: str) -> str:
    """Return why a SOURCE stream or table is never replaced."""
    what = kind.lower()
    return f"Cannot add {what} '{name}': CREATE OR REPLACE is not supported on source {what}s."


def check_replacement(old: Source, new: Source) -> None:
    """Raise StatementError when CREATE OR REPLACE would change what must stay: kind, key, topic, formats, columns."""
    kind = new.kind.lower()
    if old.read_only or new.read_only:
        raise StatementError(refused_replacement(new.kind, new.name))
    if old.kind != new.kind:
        raise StatementError(f"Cannot add {kind} '{new.name}': A {old.kind.lower()} with the same name already exists")
    refused = f"Cannot upgrade data source: DataSource '`{old.name}`' has "
    if old.topic != new.topic:
        raise StatementError(f"{refused}topic = {old.topic} which is not upgradeable to {new.topic}")
    if old.key_format != new.key_format or old.value_format != new.value_format:
        raise StatementError(
            f"{refused}formats {old.key_format.name}/{old.value_format.name} which are not upgradeable to "
            f"{new.key_format.name}/{new.value_format.name}"
        )
    if old.time != new.time:
        raise StatementError(f"{refused}timestamp column = {old.time} which is not upgradeable to {new.time}")
    if old.schema.key != new.schema.key or new.schema.value[: len(old.schema.value)] != old.schema.value:
        raise StatementError(
            f"{refused}schema = {old.schema} which is not upgradeable to {new.schema}. (The following columns are "
            f"changed, missing or reordered: {_changed(old.schema, new.schema)})"
        )


def _changed(old: Schema, new: Schema) -> str:
    kept = [column for column in old.value if column not in new.value]
    if old.key != new.key:
        kept = [*old.key, *kept]
    return "[" + ", ".join(f"`{column.name}` {column.type}" for column in kept or old.value) + "]"


def plan_alter(statement: AlterSource, metastore: Metastore) -> Source:
    """Return the source after ALTER .. ADD COLUMN. Raises StatementError when it cannot have the columns."""
    kind = statement.kind.lower()
    source = metastore.sources.get(statement.name)
    if source is None:
        raise StatementError(f"Source {statement.name} does not exist.")
    if source.kind != statement.kind:
        raise StatementError(
            f"Incompatible data source type is {source.kind}, but statement was ALTER {statement.kind}"
        )
    if source.read_only:
        raise StatementError(
            f"Cannot alter {kind} '{source.name}': ALTER operations are not supported on source {kind}s."
        )
    if source.query_id is not None:
        raise StatementError("ALTER command is not supported for CREATE ... AS statements.")
    if source.value_format.schema_id is not None:
        raise StatementError(f"Cannot alter {kind} '{source.name}': its columns are those of a schema id.")
    _check_added(statement, source)
    added = tuple(Column(column.name, column.type) for column in statement.columns)
    schema = replace(source.schema, value=source.schema.value + added)
    check_formats(source.key_format, source.value_format, schema)
    return replace(source, schema=schema, statement=f"{source.statement}\n{statement.text}")


def _check_added(statement: AlterSource, source: Source) -> None:
    held = {column.name for column in source.schema.columns} | {header.name for header in source.headers}
    for column in statement.columns:
        if column.name in held:
            raise StatementError(
                f"Cannot add column `{column.name}` to schema. A column with the same name already exists."
            )
        if column.name in RESERVED_NAMES:
            raise StatementError(
                f"'{column.name}' is a reserved column name. You cannot use it as a name for a column."
            )
        held.add(column.name)
