"""The errors of this package."""


class NotFoundError(LookupError):
    """The completion, feedback or rule decision is unknown, deleted or another user's.

    All three are one error, so that nobody learns whether another user's id exists. `param` names
    the field that held the id, if any.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidFeedbackError(ValueError):
    """Invalid feedback, or an invalid row to import; `param` names the field."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class QuotaExceededError(RuntimeError):
    """No more may be stored of this user; the message says what to delete."""
