"""What can be wrong with a question about tables."""


class TableError(Exception):
    """Raised when a table, a version or a column that was asked for is not there; the text names those that are."""
