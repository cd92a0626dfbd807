"""What may be dropped."""

from __future__ import annotations

from ksql_engine.dialect.statements import DropSource
from ksql_engine.errors import StatementError
from ksql_engine.plan.metastore import Metastore
from ksql_engine.plan.model import Source


def plan_drop(statement: DropSource, metastore: Metastore) -> Source | None:
    """Return the source a DROP removes; None when it is not there and need not be. Raises StatementError."""
    source = metastore.sources.get(statement.name)
    if source is None:
        if statement.if_exists:
            return None
        raise StatementError(f"{statement.kind.capitalize()} {statement.name} does not exist.")
    if source.kind != statement.kind:
        raise StatementError(f"Incompatible data source type is {source.kind}, but statement was DROP {statement.kind}")
    _check_unused(source, metastore)
    if statement.delete_topic:
        _check_topic(source, metastore)
    return source


def _check_unused(source: Source, metastore: Metastore) -> None:
    readers, writers = (
        [query_id for query_id in found if query_id != source.query_id]
        for found in (metastore.readers(source.name), metastore.writers(source.name))
    )
    if readers or writers:
        raise StatementError(
            f"Cannot drop {source.name}.\nThe following queries read from this source: [{', '.join(readers)}].\n"
            f"The following queries write into this source: [{', '.join(writers)}].\nYou need to terminate them "
            f"before dropping {source.name}."
        )


def _check_topic(source: Source, metastore: Metastore) -> None:
    if source.read_only:
        raise StatementError(f"Cannot delete topic for read-only source: {source.name}")
    others = sorted(
        other.name for other in metastore.sources.values() if other.topic == source.topic and other != source
    )
    if others:
        raise StatementError(
            f"Refusing to delete topic. Found other data sources ({', '.join(others)}) using topic {source.topic}"
        )
