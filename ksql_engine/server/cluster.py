"""POST /ksql/terminate: the end of a service, with the topics of its queries where asked."""

from __future__ import annotations

import re
from typing import Any

from ksql_engine.errors import BadRequestError
from ksql_engine.runtime.engine import Engine
from ksql_engine.runtime.termination import terminate_cluster
from ksql_engine.server import entities
from ksql_engine.server.entities import Entity

_STATEMENT = "TERMINATE CLUSTER;"


def terminate(engine: Engine, body: dict[str, Any]) -> list[Entity]:
    """Terminate; `deleteTopicList` has regular expressions. Raises BadRequestError, ShuttingDownError."""
    listed = body.get("deleteTopicList") or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise BadRequestError("Invalid JSON in request: 'deleteTopicList' must be a list of patterns")
    patterns = [_compiled(one) for one in listed]
    engine.check_ready()
    number = terminate_cluster(engine, patterns)
    message = "The KSQL server was terminated."
    return [entities.command_status(_STATEMENT, "cluster/TerminateCluster/terminate", message, number)]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadRequestError(f"Invalid pattern: {pattern}") from error
