"""What can go wrong in a drill."""


class DrillError(Exception):
    """Raised when the drill cannot start, or when the generator lost a record during it."""
