"""What can keep the lab's topics, schemas and statements from being what the contracts say."""


class BootstrapError(Exception):
    """The root of this package's errors; the text says what, where, and the remedy."""


class TopicMismatch(BootstrapError):
    """Raised when a topic exists with another number of partitions than its contract."""


class BrokerRefused(BootstrapError):
    """Raised when the broker does not answer, or refuses to create or alter a topic."""


class SchemaRefused(BootstrapError):
    """Raised when the registry does not take a schema, with its reason."""


class StatementError(BootstrapError):
    """Raised when a SQL file holds something that cannot be applied, or the server refuses it."""


class NotReplaceable(StatementError):
    """Raised when a running statement differs from the file and the server cannot replace it."""
