"""The errors of verify."""


class VerifyError(Exception):
    """The root of every error verify raises."""


class PageDown(VerifyError):
    """Raised when the page does not answer at all."""


class ActionFailed(VerifyError):
    """Raised when the page answers an action with anything but success."""


class ViewMissing(VerifyError):
    """Raised when a view did not come to agree in time; says what is missing."""
