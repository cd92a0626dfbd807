"""Every error the engine raises on purpose; `KsqlError` is their one root."""

from __future__ import annotations


class KsqlError(Exception):
    """Raised when the engine refuses or fails something; `str(error)` is the message for the user."""

    code = 50000
    status = 500


class StatementError(KsqlError):
    """Raised when a statement is understood but not allowed, or does not fit what exists."""

    code = 40001
    status = 400


class ParseError(StatementError):
    """Raised when text is not a statement of the dialect; the message starts with `line L:C:` (L from 1, C from 1)."""

    def __init__(self, line: int, column: int, detail: str, statement: str = "") -> None:
        ending = f"\nStatement: {statement.strip()}" if statement.strip() else ""
        super().__init__(f"line {line}:{column}: Syntax Error\n{detail}{ending}")
        self.line = line
        self.column = column


class ExpressionTypeError(StatementError):
    """Raised when the parts of an expression have types that do not go together; planning says in which clause."""


class ExpressionCodeError(StatementError):
    """Raised when a well-typed expression has no code: a cast that does not exist, list items that do not fit."""


class PrepareError(StatementError):
    """Raised when a statement is well formed but wrong in itself; `line` and `column` from 1, 0 for no place."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        place = f"line {line}:{column}: " if line else ""
        super().__init__(f"Failed to prepare statement: {place}{problem}")


class BadRequestError(KsqlError):
    """Raised when a request's body, headers or target are unusable."""

    code = 40000
    status = 400


class WrongEndpointError(KsqlError):
    """Raised when a query is sent to the endpoint for statements."""

    code = 40002
    status = 400


class AssertionFailedError(KsqlError):
    """Raised when an ASSERT statement does not hold within its time."""

    code = 41700
    status = 417


class TooManyQueriesError(KsqlError):
    """Raised when more push queries are open than the server allows."""

    code = 40003
    status = 429


class NotReadyError(KsqlError):
    """Raised when the server cannot answer yet, or no longer."""

    code = 50302
    status = 503


class ShuttingDownError(KsqlError):
    """Raised when the server was told to terminate: it answers nothing more until it is started again."""

    code = 50303
    status = 503


class CommandTimeoutError(KsqlError):
    """Raised when a request is to wait for a command that does not come."""

    code = 50301
    status = 503


class NotFoundError(KsqlError):
    """Raised when what an address names does not exist."""

    code = 40400
    status = 404


class EvaluationError(KsqlError):
    """Raised when an expression has no value for a record (null operand, overflow, failing function)."""


class QueryFailedError(KsqlError):
    """Raised when a record can be neither processed nor left out; the query stops before it and tries again."""


class DeserializationError(KsqlError):
    """Raised when bytes are not a record of the declared format."""


class SerializationError(KsqlError):
    """Raised when a row cannot be written in the sink's format."""


class RegistryUnavailableError(KsqlError):
    """Raised when the schema registry does not answer; the caller retries, nothing is lost."""


class SchemaNotFoundError(KsqlError):
    """Raised when the schema registry answers that it has no such schema."""


class StateMismatchError(KsqlError):
    """Raised when the state on disk belongs to another Kafka cluster or version of the engine."""


class StorageError(KsqlError):
    """Raised when the state on disk cannot be read or written."""


class FencedError(KsqlError):
    """Raised when another instance has taken a query over; this one must not write any more."""


class SinkFailedError(KsqlError):
    """Raised when produced records were not acknowledged; the query restarts from its committed state."""
