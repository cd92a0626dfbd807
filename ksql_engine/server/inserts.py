"""/inserts-stream: rows as JSON lines into a source, each answered in turn."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

from confluent_kafka import KafkaException

from ksql_engine.errors import BadRequestError, DeserializationError, KsqlError, StatementError
from ksql_engine.formats.coerce import json_coercion
from ksql_engine.plan.model import Source
from ksql_engine.runtime.engine import Engine, describe_failure
from ksql_engine.runtime.insert import row_message


def insert_rows(engine: Engine, text: str) -> str:
    """Write the rows of a request body and return the answer's lines; the first bad row ends it.

    Raises BadRequestError when the first line does not name a target, StatementError for an unknown one.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        target = json.loads(lines[0])["target"]
    except (IndexError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequestError("The first line must be a JSON object with a target") from error
    if not isinstance(target, str) or not target:
        raise BadRequestError("The target must be the name of a stream or table")
    with engine.lock:
        engine.check_ready()
        source = engine.metastore.source(_name(target))
        answers: list[dict[str, Any]] = []
        for number, line in enumerate(lines[1:]):
            answers.append(_insert(engine, source, line, number))
            if answers[-1]["status"] == "error":
                break
        engine.insert_sink().flush()
    return "".join(json.dumps(answer) + "\n" for answer in answers)


def _name(target: str) -> str:
    return target[1:-1] if target[:1] == "`" else target.upper()


def _insert(engine: Engine, source: Source, line: str, number: int) -> dict[str, Any]:
    try:
        values = _row(source, line)
        engine.insert_sink().send(row_message(engine, source, values, time.time_ns() // 1_000_000))
    except (KsqlError, KafkaException, ValueError, RecursionError) as error:
        code = error.code if isinstance(error, KsqlError) else 40000
        message = describe_failure(error) if isinstance(error, (KsqlError, KafkaException)) else str(error)
        return {"status": "error", "seq": number, "error_code": code, "message": message}
    return {"status": "ok", "seq": number}


def _row(source: Source, line: str) -> dict[str, Any]:
    held = json.loads(line, parse_float=Decimal)
    if not isinstance(held, dict):
        raise StatementError("A row must be a JSON object")
    types = {column.name.upper(): column for column in source.schema.columns}
    values: dict[str, Any] = {}
    for name, value in held.items():
        column = types.get(_name(name).upper())
        if column is None:
            raise StatementError(f"Column name `{name}` does not exist.")
        try:
            values[column.name] = json_coercion(column.type)(value)
        except DeserializationError as error:
            raise StatementError(f"Can't coerce the value of `{column.name}`: {error}") from error
    return values
