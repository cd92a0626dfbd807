"""What can keep the lab from being installed, started or stopped."""


class StackError(Exception):
    """The root of this package's errors; the text says what, where, and the remedy."""


class SetupFailed(StackError):
    """Raised when something that set-up needs cannot be had."""


class NotReady(StackError):
    """Raised when a service did not become ready before its deadline."""


class ServiceDied(StackError):
    """Raised when a service's process ended while the lab was starting; carries the end of its log."""


class UnknownService(StackError):
    """Raised when a service is asked for that the lab does not run."""


class LabIsRunning(StackError):
    """Raised when something would take the files from under a running lab."""


class NotRunning(StackError):
    """Raised when something needs the running lab and it is down."""


class PreflightFailed(StackError):
    """Raised when the preflight found something that would make the start fail."""


class ModeUnavailable(StackError):
    """Raised when the lab is asked to run in a way that this machine or checkout does not offer."""
