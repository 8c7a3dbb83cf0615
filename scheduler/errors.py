"""The errors of retraining."""


class RunNotFoundError(LookupError):
    """No run has this id."""


class TrainingEndedError(RuntimeError):
    """Training ended without an adapter, after `device_seconds` of work; users see the message."""

    def __init__(self, message: str, device_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.device_seconds = device_seconds


class TrainingFailedError(TrainingEndedError):
    """The training process made no adapter."""


class TrainingCancelledError(TrainingEndedError):
    """The run was cancelled."""
