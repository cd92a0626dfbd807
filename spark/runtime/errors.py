"""Every error of the lakehouse, under one root."""


class LakehouseError(Exception):
    """Raised when the lakehouse cannot go on; the message says what to do."""


class TableBusy(LakehouseError):
    """Raised when another process writes a table that this one wants to write."""


class StateRefused(LakehouseError):
    """Raised when tables and checkpoints do not belong together."""


class DependencyDown(LakehouseError):
    """Raised when Kafka or the registry does not answer; trying again later is right."""


class Stopping(LakehouseError):
    """Raised inside a wait when the process was asked to stop."""


class UnknownJob(LakehouseError):
    """Raised when a job is asked for that the pipeline does not have."""
