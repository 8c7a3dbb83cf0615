"""What can go wrong in retraining, as named errors."""


class RunNotFoundError(LookupError):
    """No run has this id."""


class TrainingFailedError(RuntimeError):
    """The training process gave no adapter; the message says why, for a person.

    `device_seconds` is how long it had worked.
    """

    def __init__(self, message: str, device_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.device_seconds = device_seconds


class TrainingCancelledError(RuntimeError):
    """The run was told to end before it was done, after `device_seconds` of work."""

    def __init__(self, message: str, device_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.device_seconds = device_seconds
