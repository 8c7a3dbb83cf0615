"""What feedback refuses, and why."""


class NotFoundError(LookupError):
    """A completion or judgement that does not exist, was deleted, or belongs to somebody else.

    The three are one error on purpose: nobody learns whether a foreign id exists. `param` names
    the field that held the id, where there is one.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidFeedbackError(ValueError):
    """A judgement, or a row to import, that makes no sense; `param` names the field to blame."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param
