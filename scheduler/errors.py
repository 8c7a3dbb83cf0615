"""What can go wrong in retraining, as named errors."""


class RunNotFoundError(LookupError):
    """No run has this id."""


class TrainingEndedError(RuntimeError):
    """Training ended without an adapter, after `device_seconds` of work.

    The message says why, for a person.
    """

    def __init__(self, message: str, device_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.device_seconds = device_seconds


class TrainingFailedError(TrainingEndedError):
    """The training process gave no adapter."""


class TrainingCancelledError(TrainingEndedError):
    """The run was told to end before it was done."""
