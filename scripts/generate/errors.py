"""What can go wrong while events are generated."""


class GenerateError(Exception):
    """The root of this package's errors."""


class InjectorBroken(GenerateError):
    """Raised when a record made faulty on purpose does not break the rule its fault names."""


class NotReady(GenerateError):
    """Raised before a run when the broker does not answer or lacks a topic; the text has the remedy."""
