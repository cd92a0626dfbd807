"""The errors of the audit."""


class AuditError(Exception):
    """The root of every error the audit raises."""


class CannotAudit(AuditError):
    """Raised when the audit cannot run; says what is down or missing, and the remedy."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. Remedy: {remedy}")
        self.what = what
        self.remedy = remedy


class BooksMoved(AuditError):
    """Raised when something was read while it was being replaced; the comparison is made anew."""
