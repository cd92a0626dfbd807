"""What can go wrong between a wish and its acknowledged record."""


class CommandError(Exception):
    """The root of this package's errors."""


class PublishError(CommandError):
    """Raised when an event was not acknowledged.

    `outcome_unknown` is true when the record may be in the topic all the same. Publishing the same event again is
    then safe: the first record of an id counts.
    """

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class RegistryDown(CommandError):
    """Raised when the schema registry does not answer."""


class RegistryRefused(CommandError):
    """Raised when the schema registry says no; `status` is the HTTP status, the text its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason} (HTTP {status})")
        self.status = status
