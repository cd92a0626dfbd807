"""INSERT INTO .. VALUES: one record, written at once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ksql_engine.dialect.statements import InsertValues
from ksql_engine.operators.endpoints import Message, encoder
from ksql_engine.plan.insert_values import InsertedRow, plan_insert_values, row_of
from ksql_engine.plan.model import Source
from ksql_engine.runtime.engine import Engine


def insert_values(engine: Engine, statement: InsertValues) -> None:
    """Write one record and wait for the broker, without the engine's lock. Raises StatementError or SinkFailedError."""
    with engine.lock:
        row = plan_insert_values(statement, engine.metastore, engine.functions)
        message = _message(engine, row, time.time_ns() // 1_000_000)
    engine.inserter.write([message])


def row_message(engine: Engine, source: Source, values: dict[str, Any], now: int) -> Message:
    """Return a row given by column name as a record of the source's topic. Raises KsqlError."""
    return _message(engine, row_of(source, values), now)


def _message(engine: Engine, row: InsertedRow, now: int) -> Message:
    """Return a row as a record; its time is ROWTIME or the time now, never that of a column."""
    encode = encoder(replace(row.source, time=None), engine.formats)
    return encode(row.key, row.value, now if row.time is None else int(row.time))
