"""The errors of replaying."""


class ReplayError(Exception):
    """Raised when nothing can be exported or replayed; the message says why and what to do."""
